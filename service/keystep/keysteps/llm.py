"""Key steps from a reference by a language model: three questions, and not a word taken on trust.

    divide    the reference into its sections, the answer cut off                        (grounding.py, by rule)
    extract   the key elements of each section; those that do not stand there are dropped
    refine    each to its core; what is no piece of its element stays as it was
    augment   with equivalent forms; those with other numbers, polarity or script are dropped

A reply that cannot be used is shown to the model once, with what is wrong; a second one is the end: EXTRACTION_INVALID.
An answer of no key steps at all is such a reply. Nothing is returned half done.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from keystep.errors import ComponentError
from keystep.keysteps import grounding, prompts
from keystep.keysteps.grounding import Reference
from keystep.keysteps.openai import ChatClient, Usage
from keystep.nouns import KeyStep, Reason
from keystep.settings import Settings

_log = logging.getLogger(__name__)

# Raise when the same replies would give other key steps (llm.py), or when what is read out of a text changes (grounding.py).
VERSION = "1"
PARSER_VERSION = "1"

PREFIX = "llm/"
SEEING = "+images"  # ends the name of an extractor that is shown pictures
MAX_REFERENCE = 40_000  # characters; a longer one is refused, not cut: its last steps count as much as its first
MAX_QUESTION = 8_000  # characters shown; the question is context only
MAX_FORM = 300  # characters; what is longer is no key element
MAX_LISTED = 512  # elements, or forms of one element, that are looked at: a reply may be of any length
_MAX_PROBLEM, _MAX_SHOWN = 600, 20_000  # characters of a problem, and of a bad reply, that the model is shown

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
# A model that writes one backslash where JSON wants two: '\frac' arrives as a form feed and 'rac'.
_SWALLOWED = re.compile(r"\x08(?=[a-z])|\x0c(?=[a-z])|\t(?=imes|heta|ext|an\b|riangle|o\b)|\r(?=ight|ho)|\n(?=eq|u\b|e\b)")
_RESTORED = {"\x08": "\\b", "\x0c": "\\f", "\t": "\\t", "\r": "\\r", "\n": "\\n"}

R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")


class _UnusableError(Exception):
    """A reply that cannot be used; the message is what the model is told."""


class LlmExtractor:
    """A ports.Extractor. Thread-safe; ``concurrency`` is how many extractions its endpoint is meant to bear at once. Close it.

    sees: it is shown the pictures that come along, and its name says so: what it extracts may depend on them.
    """

    def __init__(self, chat: ChatClient, *, concurrency: int, sees: bool = False) -> None:
        self._chat = chat
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._failures: Counter[Reason] = Counter()
        self.concurrency = concurrency
        self.sees = sees
        self.name = PREFIX + chat.model + (SEEING if sees else "")
        seen = f"/pictures/{prompts.PICTURES_VERSION}" if sees else ""
        self.address = f"llm/{VERSION}/prompts/{prompts.VERSION}{seen}/parser/{PARSER_VERSION}/{chat.model}"

    @property
    def usage(self) -> Usage:
        """Requests and tokens so far, of all that share the endpoint."""
        return self._chat.usage

    @property
    def failures(self) -> dict[Reason, int]:
        """Extractions so far that ended in a ComponentError, by reason."""
        with self._lock:
            return dict(self._failures)

    @property
    def counts(self) -> dict[str, int]:
        """What the checks had to do so far: 'repairs', and what was dropped: 'ungrounded', 'leaked', 'duplicate', 'unrefined', 'unequal'."""
        with self._lock:
            return dict(self._counts)

    def close(self) -> None:
        self._chat.close()

    def extract(self, question: str, reference: str, pictures: tuple[str, ...] = ()) -> tuple[KeyStep, ...]:
        """Key steps in reference order; empty only when the reference holds nothing but an answer.

        Raises ComponentError: EXTRACTOR_UNAVAILABLE (endpoint), EXTRACTION_REFUSED (the model declines), EXTRACTION_INVALID
        (two replies in a row were of no use, or the reference is longer than MAX_REFERENCE).
        """
        try:
            return self._extract(question, reference, pictures)
        except ComponentError as error:
            with self._lock:
                self._failures[error.reason] += 1
            raise

    def _extract(self, question: str, reference: str, pictures: tuple[str, ...]) -> tuple[KeyStep, ...]:
        if len(reference) > MAX_REFERENCE:
            raise ComponentError(
                Reason.EXTRACTION_INVALID, f"the reference has {len(reference)} characters; at most {MAX_REFERENCE} are read"
            )
        divided = grounding.divide(reference)
        if not divided.parts:
            return ()
        question = question[:MAX_QUESTION]
        elements = self._ask(prompts.extract(question, divided.parts, pictures), prompts.ExtractReply, lambda r: self._elements(r, divided))
        cores = self._ask(prompts.refine(elements), prompts.RefineReply, lambda r: self._cores(r, elements))
        return self._ask(prompts.augment(question, cores), prompts.AugmentReply, lambda r: self._key_steps(r, cores, divided))

    def _ask(self, prompt: prompts.Prompt, form: type[R], use: Callable[[R], T]) -> T:
        """What ``use`` makes of the reply, or of the second one. ``use`` raises _UnusableError."""
        reply = self._chat.complete(prompt.messages(), name=prompt.name, schema=prompt.schema)
        try:
            return use(_parsed(reply.content, form, cut=reply.cut))
        except _UnusableError as error:
            problem = str(error)
        self._count("repairs")
        _log.info("%s: %s: asked again: %s", self.name, prompt.name, problem)
        again = prompts.repair(prompt, reply.content[:_MAX_SHOWN], problem)
        reply = self._chat.complete(again, name=prompt.name, schema=prompt.schema)
        try:
            return use(_parsed(reply.content, form, cut=reply.cut))
        except _UnusableError as error:
            raise ComponentError(Reason.EXTRACTION_INVALID, f"{self.name}: {prompt.name}: {error}") from error

    def _elements(self, reply: prompts.ExtractReply, reference: Reference) -> list[str]:
        """Elements that stand in the reference, in its order, each once, none the answer."""
        if sum(len(section.elements) for section in reply.sections) > MAX_LISTED:
            raise _UnusableError(f"it has more than {MAX_LISTED} elements; at most {prompts.MAX_KEY_STEPS} are wanted")
        found: dict[str, tuple[tuple[int, int], str]] = {}
        described = 0
        for section in reply.sections:
            for element in map(_restored, section.elements):
                where = _where(element, section.section, reference) if len(element) <= MAX_FORM else None
                if where is None:
                    self._count("ungrounded")
                elif grounding.says_answer(element, reference):
                    self._count("leaked")
                elif grounding.key(element) in found:
                    self._count("duplicate")
                else:
                    describes = reference.parts[where[0]].name == grounding.DESCRIPTION
                    described += describes
                    if not describes or described <= prompts.MAX_DESCRIPTION:
                        found[grounding.key(element)] = where, element
        if not found:
            raise _UnusableError(
                "it has no element that stands in the solution word for word; copy elements from the sections, in their language, the final answer left out"
            )
        if len(found) > prompts.MAX_KEY_STEPS:
            raise _UnusableError(f"it has {len(found)} elements; choose the {prompts.MAX_KEY_STEPS} or fewer that carry the reasoning")
        return [element for _, element in sorted(found.values())]

    def _cores(self, reply: prompts.RefineReply, elements: Sequence[str]) -> list[str]:
        """The core of each element, the element itself where the reply's core is no piece of it; each once."""
        cores = _by_id([(e.id, _restored(e.text)) for e in reply.elements], len(elements))
        out: dict[str, str] = {}
        for element, core in zip(elements, cores, strict=True):
            if grounding.is_core(core, element):
                kept = core
            else:
                self._count("unrefined")
                kept = element
            if grounding.key(kept) in out:
                self._count("duplicate")
            out.setdefault(grounding.key(kept), kept)
        return list(out.values())

    def _key_steps(self, reply: prompts.AugmentReply, cores: Sequence[str], reference: Reference) -> tuple[KeyStep, ...]:
        """Key steps with their equivalent forms. No form stands in two key steps: finding it would count twice.

        Within one key step forms may differ in nothing but white space: a recipe that matches literally needs them.
        """
        replies = _by_id([(e.id, e.equivalents) for e in reply.elements], len(cores))
        owners = {grounding.key(core): at for at, core in enumerate(cores)}
        out = []
        for at, (core, equivalents) in enumerate(zip(cores, replies, strict=True)):
            forms = {core.lower(): core}
            for form in map(_restored, equivalents[:MAX_LISTED]):
                if len(form) > MAX_FORM or not grounding.is_equivalent(form, core):
                    self._count("unequal")
                elif grounding.says_answer(form, reference):
                    self._count("leaked")
                elif form.lower() in forms or owners.setdefault(grounding.key(form), at) != at:
                    self._count("duplicate")
                elif len(forms) <= prompts.MAX_EQUIVALENTS:
                    forms[form.lower()] = form
            out.append(KeyStep(core, tuple(forms.values())[1:]))
        return tuple(out)

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1


def client(settings: Settings) -> ChatClient | None:
    """Of the endpoint that is set; None where none is. Close it."""
    if settings.llm_url is None or settings.llm_model is None:
        return None
    return ChatClient(
        settings.llm_url,
        settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value().strip() if settings.llm_api_key is not None else None,
        timeout=settings.llm_timeout_seconds,
        retries=settings.llm_retries,
        connections=settings.llm_concurrency,
    )


def from_settings(settings: Settings) -> tuple[LlmExtractor, ...]:
    """The extractors of a deployment, without pictures and with, over one endpoint; none where none is set."""
    chat = client(settings)
    if chat is None:
        return ()
    return tuple(LlmExtractor(chat, concurrency=settings.llm_concurrency, sees=sees) for sees in (False, True))


def _parsed(content: str, form: type[R], *, cut: bool) -> R:
    fenced = _FENCE.match(content)
    try:
        return form.model_validate_json(fenced[1] if fenced is not None else content)
    except ValidationError as error:
        if not content.strip():
            problem = "it is empty"
        else:
            problem = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors(include_url=False)[:3])
        raise _UnusableError((problem + ("; it was cut off: be briefer" if cut else ""))[:_MAX_PROBLEM]) from error


def _by_id(items: Sequence[tuple[int, T]], count: int) -> list[T]:
    """Items by id 0..count-1, each exactly once."""
    found = dict(items)
    if len(items) != count or sorted(found) != list(range(count)):
        raise _UnusableError(f"it must have each id from 0 to {count - 1} exactly once; it has {json.dumps([at for at, _ in items])[:200]}")
    return [found[at] for at in range(count)]


def _where(element: str, section: str, reference: Reference) -> tuple[int, int] | None:
    """(part, position) of an element: in the section it is said to be from, else in the first that has it."""
    places = [(at, grounding.find(element, part)) for at, part in enumerate(reference.parts)]
    found = [(at, position) for at, position in places if position is not None]
    named = [place for place in found if reference.parts[place[0]].name == section]
    return next(iter(named or found), None)


def _restored(text: str) -> str:
    return _SWALLOWED.sub(lambda m: _RESTORED[m[0]], text).strip()
