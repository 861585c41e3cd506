"""Everything the client raises on purpose. Each message says what to do about it.

    ClientError
    |-- UnreachableError   no answer came: refused, reset or timed out, after every retry that made sense
    |-- RejectedError      4xx: the request has to change; .errors says which field and how
    |   `-- TooLargeError  413, and it cannot be divided any further: send less at once
    |-- BusyError          429, 502 or 503, after every retry; .retry_after says when to come back
    |-- ServiceError       any other 5xx: a defect of the service; its log has it
    |-- ProtocolError      an answer that is not keystep's
    |-- JobError           a job that was cancelled, or is not done in time; .job has it
    `-- UndecidedError     a reward is None, and the caller asked for an error then

A reward that could not be decided raises nothing by itself: it is None, with its reasons beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keystep_client.models import Job


class ClientError(Exception):
    """The root; catch this to catch all of the client."""


class UnreachableError(ClientError):
    """No answer came. lost: the connection failed (worth a retry), rather than the time ran out."""

    def __init__(self, message: str, *, lost: bool) -> None:
        super().__init__(message)
        self.lost = lost


class RejectedError(ClientError):
    """The service refuses the request. status: the HTTP status. errors: (field, message) each, as far as fields are to blame."""

    def __init__(self, message: str, *, status: int, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors


class TooLargeError(RejectedError):
    """Over a limit of the service; the message names it."""


class BusyError(ClientError):
    """Too busy, or stopping. retry_after: seconds to wait, None when the service did not say."""

    def __init__(self, message: str, *, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceError(ClientError):
    """A defect of the service."""


class ProtocolError(ClientError):
    """What answered does not speak keystep's wire, or speaks another version of it."""


class JobError(ClientError):
    """No result of a job. job: as it was last seen."""

    def __init__(self, message: str, *, job: Job) -> None:
        super().__init__(message)
        self.job = job


class UndecidedError(ClientError):
    """Rewards are None. rollouts: (id, reasons) of each."""

    def __init__(self, message: str, *, rollouts: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        super().__init__(message)
        self.rollouts = rollouts
