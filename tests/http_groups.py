"""Groups for tests over HTTP."""

from __future__ import annotations

from responses import mulberry

TEXT = mulberry("There are 5 cubes and 1 ball.", "5 + 1 = 6.")


def groups(n: int, *, rollouts: int = 4) -> list[dict]:
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
        for i in range(n)
    ]


def symbolic(n: int, *, name: str = "hard") -> dict:
    """A group of n rollouts that only symbolic work can tell, each in its own way."""
    texts = [{"id": f"{name}/{i}", "text": mulberry("x", answer=f"$(x-{i})^3(x+{i})^3+{i * i}-1$")} for i in range(2, n + 2)]
    return {"id": name, "answer": "$x^2-1$", "key_steps": [], "rollouts": texts}
