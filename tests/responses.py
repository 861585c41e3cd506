"""Mulberry responses for tests, from their parts."""

from __future__ import annotations


def mulberry(
    *steps: str, answer: str | None = "6", description: str | None = "A picture.", rationale: str | None = "Look and count."
) -> str:
    """A well-formed response; a part that is None is left out."""
    parts = []
    if description is not None:
        parts.append(f"### Image Description:\n{description}")
    if rationale is not None:
        parts.append(f"### Rationales:\n{rationale}")
    parts.append("### Let's think step by step.")
    parts.extend(f"### Step {i}:\n{body}" for i, body in enumerate(steps, 1))
    if answer is not None:
        parts.append(f"### The final answer is: {answer}")
    return "\n\n".join(parts)
