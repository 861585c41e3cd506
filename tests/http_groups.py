"""Groups for tests over HTTP."""

from __future__ import annotations

from responses import mulberry

TEXT = mulberry("There are 5 cubes and 1 ball.", "5 + 1 = 6.")


def groups(n: int, *, rollouts: int = 4, first: int = 0) -> list[dict]:
    """n groups whose rollouts differ: right and wrong, with and without structure."""
    texts = [TEXT, TEXT.replace("is: 6", "is: 7"), "6", "so 5 + 1 = 6, it is 6"]
    return [
        {
            "id": f"q{i}",
            "question": "How many?",
            "answer": "6",
            "key_steps": ["5 + 1 = 6", "5 cubes"],
            "rollouts": [{"id": f"q{i}/{j}", "text": texts[(i + j) % 4]} for j in range(rollouts)],
        }
        for i in range(first, first + n)
    ]


def symbolic(n: int, *, name: str = "hard", first: int = 2) -> dict:
    """A group of n rollouts that only symbolic work can tell, each in its own way."""
    texts = [{"id": f"{name}/{i}", "text": mulberry("x", answer=f"$(x-{i})(x+{i})+{i * i}-1$")} for i in range(first, first + n)]
    return {"id": name, "answer": "$x^2-1$", "key_steps": [], "rollouts": texts}
