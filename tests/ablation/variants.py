"""The matcher with one part taken out, by patching the function that is the part: a measurement, never an option of the product."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from keystep.core import derivations, guards, matching, phrases, semantic, stuffing, tiers, verbatim


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def _without(function: Callable[..., str | None], reason: str) -> Callable[..., str | None]:
    """The same function, one of its reasons held back."""
    return lambda *args, **kwargs: None if (found := function(*args, **kwargs)) == reason else found


def _unnamed(function: Callable[..., Any]) -> Callable[..., Any]:
    def phrase(folded: str) -> Any:
        found = function(folded)
        object.__setattr__(found, "names", frozenset())
        return found

    return phrase


# name -> (object, attribute, what stands there instead). An attribute that is gone is an error, not a variant that does nothing.
WITHOUT: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "negation, of any statement": ((guards, "denied", _without(guards.denied, "negated")),),
    "negation, within a phrase": ((phrases, "_blocked", _without(phrases._blocked, "negated")),),
    "hypotheticals": ((guards, "denied", _without(guards.denied, "hypothetical")),),
    "retraction": ((guards, "retracted", _always(False)),),
    "questions": ((tiers.Tiers, "_not_asserted", _without(tiers.Tiers._not_asserted, "question")),),
    "conflicting results": ((derivations, "conflicts", _always(False)),),
    "the same numbers of other things": ((tiers.Tiers, "_about_another", _always(False)),),
    "numbers reckoned elsewhere": ((tiers, "_elsewhere", _always(False)),),
    "numbers": ((phrases, "_numbers_differ", _always(None)),),
    "numbers in another clause": ((phrases, "_paired_otherwise", _always(False)),),
    "units": ((phrases, "_same_quantity", _always(True)),),
    "colours": ((phrases, "_colours_differ", _always(None)),),
    "names": ((phrases, "phrase", _unnamed(phrases.phrase)),),
    "roles": ((phrases, "_roles", _always(None)),),
    "opposites": ((phrases, "_excludes", _always(False)),),
    "replaced words": ((phrases, "_replaced", _always(False)),),
    "dumped key steps": ((stuffing, "_dumps", _always([])),),
    "stuffed equations": ((stuffing, "_enumerations", _always([])),),
    "number runs": ((stuffing, "_number_runs", _always([])),),
    "the copied question": ((stuffing, "_copied", _always([])),),
    "merged derivations": ((tiers.Tiers, "_subsumed", lambda _self, missed, _hit: missed),),
    "prose with the numbers": ((tiers.Tiers, "_prose", lambda _self, index, *_: tiers.StepMatch(index, 0.0, matched=False)),),
    "word for word": ((verbatim, "settle", lambda spelled, *_: (None,) * len(spelled.steps)),),
}
# Of the embedding tier.
OPEN_GATES = ((semantic, "admissible", _always(True)),)


@contextmanager
def patched(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """With these changes; what was prepared before is forgotten, before and after."""
    with ExitStack() as stack:
        for target, name, instead in changes:
            stack.enter_context(patch.object(target, name, instead))
        matching.prepare.cache_clear()
        try:
            yield
        finally:
            matching.prepare.cache_clear()
