"""What the hack alarm counts in texts: numbers, calculations, and whether one repeats another. Pure.

Every rollout that is scored passes here: bytes and sets, no regular expression.
"""

from __future__ import annotations

# Whatever is no ASCII digit becomes a space.
_DIGITS = bytes(c if c in b"0123456789" else 0x20 for c in range(256))
# Of a text's characters, those in sentences of another from which on it repeats that.
_REPEATED = 0.9


def numbers(text: str) -> set[bytes]:
    """Its different runs of digits."""
    return set(text.encode("ascii", "replace").translate(_DIGITS).split())


def calculations(text: str) -> int:
    """Its equation signs."""
    return text.count("=")


def repeats(text: str, other: str) -> bool:
    """Whether text is other, but for a sentence or so."""
    if not _REPEATED * len(text) <= len(other) <= len(text) / _REPEATED:
        return False
    told = set(text.split("."))
    return sum(map(len, told & set(other.split(".")))) >= _REPEATED * sum(map(len, told))
