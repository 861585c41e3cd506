"""A recipe is everything that decides a reward: frozen, named, hashed. The only reward knobs there are.

    PAPER     the paper's formulas, literally (R1-VL, arXiv 2503.12937, section 3.2)
    OFFICIAL  bug-compatible with the released training code, for differential tests
    HARDENED  the default: the paper's formulas over robust parsing, matching and verification
    SEMANTIC  hardened, and an embedder confirms paraphrases that pass strict gates

The hash covers every field but the name, and SEMANTICS, which is raised by hand whenever code changes what a reward
can be: two services that answer with the same hash give the same rewards.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from keystep.errors import RecipeError

# Raise when a change of code changes any reward of any recipe.
SEMANTICS = 4


Aggregate = Literal["min", "mean", "product", "last"]


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A learned reward as a component: weight * normalised score is added to the reward (core/extras.py).

    reward_model: its name in GET /v1/reward-models; the name stands for its weights, as an extractor's does.
    normalise: none; sigmoid; standard, by mean and std.  aggregate: of a process reward model's step scores.
    """

    reward_model: str
    weight: float = 1.0
    normalise: Literal["none", "sigmoid", "standard"] = "none"
    mean: float = 0.0
    std: float = 1.0
    aggregate: Aggregate = "min"

    @classmethod
    def of(cls, given: Any, field: str) -> Extra:
        """From what a request gives. Raises RecipeError."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise RecipeError(f"{given!r} is no extra; give an object with reward_model", field=field)
        known = {f.name for f in fields(cls)}
        for name in given:
            if name not in known:
                raise RecipeError(f"an extra has no field {name!r}; it has {', '.join(sorted(known))}", field=f"{field}.{name}")
        model = given.get("reward_model")
        if not isinstance(model, str) or not model:
            raise RecipeError(f"an extra needs reward_model, the name of a model; got {model!r}", field=f"{field}.reward_model")
        for name, allowed in (("normalise", ("none", "sigmoid", "standard")), ("aggregate", get_args(Aggregate))):
            if name in given and given[name] not in allowed:
                raise RecipeError(f"{given[name]!r} is not a value of {name}; use one of {', '.join(allowed)}", field=f"{field}.{name}")
        numbers = {name: _finite(given[name], f"{field}.{name}") for name in ("weight", "mean", "std") if name in given}
        if numbers.get("std", 1.0) <= 0.0:
            raise RecipeError(f"std is {given['std']!r}; it must be more than 0", field=f"{field}.std")
        return cls(**{**given, **numbers})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Fields are documented where they stand; docs/recipes.md lists them, and a test holds it to this."""

    name: str

    # The total: reward = w_rar * StepRAR + w_rvr * StepRVR + w_outcome * outcome. A component of weight 0 is not needed.
    weight_step_rar: float = 1.0
    weight_step_rvr: float = 1.0
    weight_outcome: float = 0.0

    # StepRAR: [right] + alpha * k.
    alpha: float = 0.1
    # What StepRAR is when no answer was given: 0 (the paper), or alpha * k all the same (the released code).
    no_answer: Literal["zero", "alpha_k"] = "zero"

    # How a text is divided. auto: the first grammar any of whose headers the text bears.
    grammar: Literal["auto", "mulberry_literal"] = "auto"

    # Where key steps are looked for.
    search_in: Literal["all_but_answer", "steps"] = "all_but_answer"
    # How: tiers with guards; any form, lower-cased, white space ignored; lower-cased substring; tiers and then an embedder.
    matching: Literal["tiers", "folded", "substring", "semantic"] = "tiers"
    # tiers and semantic only: a key step is matched from this score on.
    match_threshold: float = 0.7
    # semantic only: the sentence embedder that is asked where the tiers leave a text key step undecided; a service without it
    # refuses the recipe. And the cosine from which what it is asked about is matched.
    embedder: str = "sentence-transformers/all-MiniLM-L6-v2"
    semantic_threshold: float = 0.9
    # tiers and semantic only: whether key steps count in any order, or only those that stand in the text in the reference's order.
    order: Literal["any", "reference"] = "any"
    # A key step that stands in the list several times: each counts, or it counts once.
    duplicates: Literal["each", "once"] = "each"
    # Dumped key steps: k is computed as if the dump were absent, or it is only flagged.
    stuffing: Literal["absent", "flag_only"] = "absent"
    # Who extracts key steps that a request does not bring: rules, llm/<model>, or llm/<model>+images (shown the pictures). A service without it refuses the recipe.
    extractor: str = "rules"

    # How the answer is read and compared.
    verification: Literal["hardened", "paper", "official"] = "hardened"
    # When only a careful reader could tell: null, or zero.
    needs_judge: Literal["null", "zero"] = "null"
    # hardened verification only: answers that are no one plain answer. judge: as needs_judge says.
    # A letter and the text beside it, or two places of the answer section, disagree.
    on_conflict: Literal["zero", "judge"] = "zero"
    # Several answers in one place ("5 or 6").
    on_enumeration: Literal["zero", "judge"] = "zero"
    # Words of doubt about an answer that is right ("maybe 5"). read: as if they were not there.
    on_hedging: Literal["judge", "zero", "read"] = "judge"
    # "It cannot be determined."
    on_refusal: Literal["zero", "judge"] = "zero"
    # Text goes on after the answer: only flagged, or the response has given none.
    on_run_on: Literal["flag", "no_answer"] = "flag"
    # Sampling stopped within the answer: none was given, or what is there is read.
    on_truncation: Literal["no_answer", "read"] = "no_answer"

    # StepRVR: by parsed sections, strictly; or by the released code's string tests.
    validity: Literal["sections", "official"] = "sections"

    # Learned rewards that are added to the total. A service without one of the models gives null, model_unavailable.
    extras: tuple[Extra, ...] = ()

    def __post_init__(self) -> None:
        self._take_extras()
        hints = get_type_hints(type(self))
        for f in fields(self):
            if f.name == "extras":
                continue
            value = getattr(self, f.name)
            allowed = get_args(hints[f.name])
            if allowed:
                if value not in allowed:
                    raise RecipeError(f"{value!r} is not a value of {f.name}; use one of {', '.join(allowed)}", field=f"recipe.{f.name}")
            elif hints[f.name] is float:
                if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                    raise RecipeError(f"{f.name} must be a finite number, not {value!r}", field=f"recipe.{f.name}")
                most = 1 if f.name in ("match_threshold", "semantic_threshold") else 1_000_000
                if not 0.0 <= value <= most:
                    raise RecipeError(f"{f.name} is {value!r}; it must lie in [0, {most}]", field=f"recipe.{f.name}")
                object.__setattr__(self, f.name, float(value))
            elif not isinstance(value, str) or not value:
                raise RecipeError(f"{f.name} must be a non-empty string, not {value!r}", field=f"recipe.{f.name}")
        if self.extractor != "rules" and not (self.extractor.startswith("llm/") and 4 < len(self.extractor) <= 211):
            raise RecipeError(
                f'extractor is {self.extractor[:80]!r}; use "rules", "llm/<model>" or "llm/<model>+images"', field="recipe.extractor"
            )

    def _take_extras(self) -> None:
        if not isinstance(self.extras, list | tuple):
            raise RecipeError(f"extras must be a list, not {self.extras!r}", field="recipe.extras")
        taken = tuple(Extra.of(given, f"recipe.extras.{n}") for n, given in enumerate(self.extras))
        names = [extra.reward_model for extra in taken]
        if len(set(names)) != len(names):
            raise RecipeError("each reward model stands in extras at most once", field="recipe.extras")
        object.__setattr__(self, "extras", taken)

    @cached_property
    def hash(self) -> str:
        """'sha256:...' over every field but the name, and SEMANTICS."""
        content = {**self.deciding(), "semantics": SEMANTICS}
        if not self.extras:
            del content["extras"]  # recipes without are what they were before there were any
        return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def deciding(self) -> dict[str, Any]:
        """Every field that decides a reward: all but the name."""
        return {**{f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}, "extras": [asdict(e) for e in self.extras]}

    @property
    def spec(self) -> str | dict[str, Any]:
        """What resolve makes this recipe of again, by hash: its name, or what differs from hardened."""
        named = RECIPES.get(self.name)
        if named is not None and named.hash == self.hash:
            return self.name
        have = HARDENED.deciding()
        return {"base": HARDENED.name, **{name: value for name, value in self.deciding().items() if value != have[name]}}

    def but(self, **changes: Any) -> Recipe:
        """This recipe with some fields changed, named after what changed, e.g. 'hardened(alpha=0.2)'."""
        known = {f.name for f in fields(self)} - {"name"}
        for key in changes:
            if key not in known:
                raise RecipeError(f"a recipe has no field {key!r}; it has {', '.join(sorted(known))}", field=f"recipe.{key}")
        changed = dataclasses.replace(self, **changes)
        values = changes | {"extras": "+".join(e.reward_model for e in changed.extras)}
        told = ", ".join(f"{k}={values[k]}" for k in sorted(changes))
        return dataclasses.replace(changed, name=f"{self.name}({told})" if told else self.name)


def _finite(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1_000_000:
        raise RecipeError(f"{field.rpartition('.')[2]} must be a number of at most 1000000 either way, not {value!r}", field=field)
    return float(value)


HARDENED = Recipe(name="hardened")

SEMANTIC = Recipe(name="semantic", matching="semantic")

PAPER = Recipe(
    name="paper",
    grammar="mulberry_literal",
    search_in="steps",
    matching="folded",
    stuffing="flag_only",
    verification="paper",
)

OFFICIAL = Recipe(
    name="official",
    grammar="mulberry_literal",
    search_in="steps",
    matching="substring",
    stuffing="flag_only",
    no_answer="alpha_k",
    verification="official",
    validity="official",
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({r.name: r for r in (HARDENED, PAPER, OFFICIAL, SEMANTIC)})
DEFAULT = HARDENED


def resolve(spec: str | Mapping[str, Any] | None) -> Recipe:
    """A recipe from what a request names: a name, or {"base": name, field: value, ...}. None is the default."""
    if spec is None:
        return DEFAULT
    if isinstance(spec, str):
        return _named(spec, "recipe")
    changes = dict(spec)
    base = changes.pop("base", None)
    if not isinstance(base, str):
        raise RecipeError(f'a recipe object needs "base", one of {", ".join(RECIPES)}; got {base!r}', field="recipe.base")
    return _named(base, "recipe.base").but(**changes)


def _named(name: str, field: str) -> Recipe:
    try:
        return RECIPES[name]
    except KeyError:
        raise RecipeError(f"there is no recipe {name[:80]!r}; use one of {', '.join(RECIPES)}", field=field) from None
