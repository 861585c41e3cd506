"""Who may ask: API keys, from a file that is read again when it changes, so that keys are rotated without a restart.

A trainer that can set a header sends `Authorization: Bearer KEY`; one that can only be given a URL sends the key as its password,
http://keystep:KEY@host:8000/get_reward, which every common HTTP client turns into `Authorization: Basic`, as browsers do.
Only digests of keys are kept, and neither a key nor its digest is ever logged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import time
from contextvars import ContextVar
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from keystep.errors import InputError
from keystep.http.problems import problem

_log = logging.getLogger(__name__)

# What orchestrators ask, who have no key.
OPEN = frozenset({"/livez", "/readyz"})
_LOOK_SECONDS = 1.0
# Printable, as a header carries it, and too long to be guessed.
_KEY = re.compile(r"[!-~]{16,256}")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="keystep", Basic realm="keystep", charset="UTF-8"'}


class Keys:
    """path: a key a line; blank lines and lines that begin with # are skipped. InputError where it cannot be read or has no key.

    Where a later reading fails, the keys before stay and the log says so: a slip of the pen stops no training.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _state(path)
        self._digests = _read(path)
        self._looked = time.monotonic()

    def known(self, digest: bytes) -> bool:
        """Whether it is that of one of them; takes as long whichever it is, or none."""
        self._look()
        return any([hmac.compare_digest(digest, one) for one in self._digests])  # noqa: C419 - all of them, not up to the first

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._digests = _read(self._path)
        except InputError as error:
            _log.error("%s; the keys read before stay", error.message)
        else:
            _log.warning("API keys were read again: there are %d", len(self._digests))


# Never reset: the server gives every request a task, and so a context, of its own.
_asker: ContextVar[bytes | None] = ContextVar("keystep_asker", default=None)


def asker() -> bytes | None:
    """What tells whose request is being answered from all others', where keys are asked for."""
    return _asker.get()


class KeyGuard:
    """ASGI middleware: 401 for whoever has no key, before anything is read."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN and (refusal := self._refusal(scope)):
            await problem(401, refusal, headers=_CHALLENGE)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        told = Headers(scope=scope).get("authorization", "")
        if not told:
            return "this service asks for a key: send Authorization: Bearer KEY, or put it into the URL, http://keystep:KEY@host/path"
        key = _given(told)
        if key is None:
            return "Authorization is neither Bearer KEY nor Basic with the key as password"
        digest = _digest(key)
        if not self._keys.known(digest):
            return "the key is none of this service's; it may have been rotated: ask for a new one"
        _asker.set(digest)
        return None


def _given(authorization: str) -> str | None:
    scheme, _, rest = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            try:
                return base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return None
        case _:
            return None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _state(path: Path) -> tuple[int, int, int] | None:
    """What tells one content of the file from the next, replaced or rewritten."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns, told.st_size


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"KEYSTEP_API_KEYS_PATH: {path} cannot be read ({why})", field="api_keys_path") from None
    keys = {number: line for number, line in enumerate(lines, 1) if line and not line.startswith("#")}
    for number, key in keys.items():
        if not _KEY.fullmatch(key):
            raise InputError(
                f"KEYSTEP_API_KEYS_PATH: line {number} of {path} is no key: 16 to 256 printable characters without spaces,"
                " like what `openssl rand -hex 32` prints",
                field="api_keys_path",
            )
    if not keys:
        raise InputError(f"KEYSTEP_API_KEYS_PATH: {path} has no key; write one a line", field="api_keys_path")
    return tuple(_digest(key) for key in keys.values())
