"""Errors as RFC 9457 problem JSON: what was wrong, where, and the mend."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from keystep.errors import DrainingError, InputError, JobStoreError, KeystepError, OverloadedError, TooLargeError
from keystep.http.observing import HEADER, request_id
from keystep.wire.parsing import InvalidRequestError

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, *, errors: list[tuple[str, str]] | None = None, headers: dict[str, str] | None = None) -> Response:
    """type, title, status, detail, request_id; errors: [{"field", "message"}] where fields are to blame."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if (ours := request_id()) is not None:
        body["request_id"] = ours
    if errors:
        body["errors"] = [{"field": field, "message": message} for field, message in errors]
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _of_keystep(error: KeystepError) -> Response:
    match error:
        case InvalidRequestError():
            return problem(400 if error.malformed else 422, str(error), errors=error.errors)
        case TooLargeError():
            return problem(413, error.message, errors=[(error.field, error.message)])
        case InputError():
            return problem(422, error.message, errors=[(error.field, error.message)])
        case OverloadedError():
            return problem(429, str(error), headers={"Retry-After": str(error.retry_after)})
        case JobStoreError():
            return problem(503, str(error), headers={} if error.retry_after is None else {"Retry-After": str(error.retry_after)})
        case DrainingError():
            return problem(503, str(error), headers={"Retry-After": "1", "Connection": "close"})
        case _:
            _log.error("unexpected %s: %s", type(error).__name__, error)
            return problem(500, "an internal error; the log has it")


_SHOWN = 80  # characters of a path that an error repeats


def install(app: FastAPI) -> None:
    async def keystep_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, KeystepError)
        return _of_keystep(error)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        where = request.url.path[:_SHOWN]
        told = {
            404: f"there is no {where!r}; /docs lists the routes",
            405: f"{where!r} does not take {request.method}; /docs lists the routes",
        }
        return problem(error.status_code, told.get(error.status_code, error.detail), headers=dict(error.headers or {}))

    async def defect(_: Request, error: Exception) -> Response:
        # Starlette logs the traceback itself by raising it on to the server.
        told = request_id()
        headers = {} if told is None else {HEADER: told}  # this answer passes by all middleware
        return problem(500, f"an internal error ({type(error).__name__}); the log has it", headers=headers)

    async def cut_off(_: Request, __: Exception) -> Response:
        return problem(400, "the client closed the connection before it had its answer; nobody reads this but the access log")

    app.add_exception_handler(KeystepError, keystep_error)
    app.add_exception_handler(ClientDisconnect, cut_off)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, defect)
