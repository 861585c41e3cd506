"""Which of a question's images an extractor may be shown: those that came along. Nothing is ever fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable

# More than this is no question about a picture; the others are not shown.
MAX_PICTURES = 8

_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")


def pictures(images: Iterable[str]) -> tuple[str, ...]:
    """The data URLs among the images, at most MAX_PICTURES, each once and in order. A path, a link or anything else is none."""
    return tuple(dict.fromkeys(image for image in images if _PICTURE.fullmatch(image)))[:MAX_PICTURES]
