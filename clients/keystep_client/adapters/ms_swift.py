"""ms-swift's reward plugin, in a file given as --external_plugins, with --reward_funcs keystep.

    orms["keystep"] = keystep_orm("http://127.0.0.1:8000", ORM, undecided=None)

Columns of the dataset under the wire's names go along; `solution`, ms-swift's own name for it, is the answer; a `finish_reason`
of its samplers says which completions were cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keystep_client.adapters.samples import FIELDS, Samples, question, text_of
from keystep_client.calls import RecipeSpec
from keystep_client.client import Client
from keystep_client.models import Undecided, decided


def keystep_orm(
    url: str | Sequence[str], base: type, *, undecided: Undecided, recipe: RecipeSpec = "hardened", api_key: str | None = None
) -> type:
    """A reward class. base: ms-swift's ORM. undecided: what stands for None, which current ms-swift leaves out as TRL does."""

    class Keystep(base):  # type: ignore[misc]  # ms-swift's ORM is not here to be checked against
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.client = Client(url, api_key=api_key)

        def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float | None]:
            samples = Samples()
            for i, completion in enumerate(completions):
                fields = {name: columns[name][i] for name in FIELDS if name in columns and name != "images"}
                label = fields.pop("answer", columns["solution"][i] if "solution" in columns else None)
                if "messages" in columns:
                    fields.setdefault("question", text_of(columns["messages"][i], "user"))
                truncated = "finish_reason" in columns and columns["finish_reason"][i] == "length"
                samples.add(text_of(completion, "assistant"), question(label, fields), truncated=truncated)
            return decided(samples.rollouts(self.client.score(samples.groups, recipe=recipe)), undecided)

    return Keystep
