"""Everything keystep raises on purpose.

    KeystepError
    |-- InputError            what was asked cannot be done; names the field, the value and the mend
    |   |-- RecipeError       a recipe that does not exist or does not make sense
    |   `-- TooLargeError     over a size or count limit
    |-- OverloadedError       too much in flight; says when to come back
    |-- DrainingError         the service is stopping
    |-- JobStoreError         jobs cannot be kept or read just now; nothing that was accepted is lost by it
    |-- CacheError            the cache cannot be read or written; scoring goes on without it, degraded
    `-- ComponentError        a machine's failure: one component of one reward becomes null, with .reason

A rollout that is wrong, empty or absurd raises nothing: it is data and earns its zero.
"""

from __future__ import annotations

from keystep.nouns import Reason


class KeystepError(Exception):
    """The root; catch this to catch all of keystep."""


class InputError(KeystepError):
    """A bad request. field: dotted path ('groups.0.rollouts.2.text'); message says the value and the mend."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class RecipeError(InputError):
    """Unknown recipe, unknown field of a recipe, or a value out of range."""


class TooLargeError(InputError):
    """Over a limit of the settings; the message names the limit and its setting."""


class OverloadedError(KeystepError):
    """More is in flight than admission allows. retry_after: seconds."""

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DrainingError(KeystepError):
    """The service is stopping and takes no new work."""


class CacheError(KeystepError):
    """The cache failed. Never reaches a caller of the service: it costs time, not rewards."""


class JobStoreError(KeystepError):
    """The store of jobs failed, or there is none. retry_after: seconds; None where waiting does not help."""

    def __init__(self, message: str, *, retry_after: int | None = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ComponentError(KeystepError):
    """One component could not be computed. The engine turns it into null + reason."""

    def __init__(self, reason: Reason, message: str = "") -> None:
        super().__init__(message or reason.value)
        self.reason = reason
