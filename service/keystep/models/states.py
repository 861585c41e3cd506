"""A decoder's states at some places of rows of tokens: padded, or packed, which computes once what rows have in common.

A causal model's state at a token depends on what stands before it and on nothing else. So rows that begin alike, as the responses to
one question do, may share the states of their beginning (SGLang, section 3), and no row has to be padded:

    sorted, each row has most in common with the row before it
    a pack is, of each row, the tokens that the row before it lacks, one behind the other; a row is where its tokens stand there
    what works token by token sees a pack as one long row; attention runs row by row, each row's new tokens over all of its tokens
    in the last layer, all but keys and values runs where a state is asked for, and nowhere else

Not every architecture lets attention be run so. Which does is tried when a model is loaded: where a pack's states are not those of each
row alone, rows are padded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch

from keystep.models import packs, products
from keystep.models.batcher import Item, cut
from keystep.models.packs import Row, alike

# Parts of a layer that work token by token, as Llama and its kin call them; attention's keys and values are needed everywhere.
_BY_TOKEN = ("self_attn.q_proj", "self_attn.o_proj", "mlp")
# How far a pack's states may be from those of each row alone, as a share of their norm; rows that see one another are at about 1.
_NEAR = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}

_log = logging.getLogger(__name__)


class States(Protocol):
    def cut(self, rows: Mapping[Item, Row], budget: int) -> Iterator[list[Item]]:
        """Items in batches of at most ``budget`` computed tokens; a longer row alone."""
        ...

    def at(self, rows: Sequence[Row], places: Sequence[Sequence[int]]) -> torch.Tensor:
        """(all places, width): the states at each row's places, row after row."""
        ...


class Padded:
    """Rows of like length, padded on the right. forward: of tokens and their mask, (rows, tokens, width)."""

    def __init__(self, forward: Callable[..., torch.Tensor], device: str) -> None:
        self._forward = forward
        self._device = device

    def cut(self, rows: Mapping[Item, Row], budget: int) -> Iterator[list[Item]]:
        return cut({item: len(row) for item, row in rows.items()}, budget)

    @torch.inference_mode()
    def at(self, rows: Sequence[Row], places: Sequence[Sequence[int]]) -> torch.Tensor:
        which = [row for row, within in enumerate(places) for _ in within]
        return self._forward(**padded(rows, self._device))[which, [place for within in places for place in within]]


class Packed:
    """Rows that begin alike together. model: a decoder of transformers; from here on it runs packs only."""

    def __init__(self, model: Any) -> None:
        self._base = model.base_model
        model.set_attn_implementation(packs.ATTENTION)
        last = getattr(self._base, "layers", [None])[-1]
        self._by_token = [module for name, module in last.named_modules() if name in _BY_TOKEN] if last is not None else []

    def cut(self, rows: Mapping[Item, Row], budget: int) -> Iterator[list[Item]]:
        batch: list[Item] = []
        size, before = 0, ()  # type: int, Row
        for item in sorted(rows, key=lambda i: tuple(rows[i])):
            new = len(rows[item]) - alike(before, rows[item])
            if batch and size + new > budget:
                yield batch
                batch, size, new = [], 0, len(rows[item])
            batch.append(item)
            size, before = size + new, rows[item]
        if batch:
            yield batch

    @torch.inference_mode()
    def at(self, rows: Sequence[Row], places: Sequence[Sequence[int]]) -> torch.Tensor:
        pack = packs.of_rows(rows, places, self._base)
        with packs.only(self._by_token, pack.read):
            found = self._base(input_ids=pack.ids, position_ids=pack.positions, use_cache=False, pack=pack)
        states: torch.Tensor = found.last_hidden_state[0, pack.read]
        return states


def of_decoder(model: Any, device: str, probe: Row) -> States:
    """Packed where that gives the states of each row alone, else padded. probe: tokens of some text, a few dozen."""
    plain = Padded(lambda **tokens: model.base_model(**tokens).last_hidden_state, device)
    config = model.config.get_text_config()
    if set(getattr(config, "layer_types", None) or ["full_attention"]) != {"full_attention"}:
        return plain
    # None longer than the probe: two that begin alike, one's beginning, and one of its own, each read in its midst and at its end.
    half = len(probe) // 2
    rows = [probe, [*probe[:half], *probe[half - 1 :: -1]], probe[: half + 2], probe[::-1]]
    places = [[len(row) // 3, len(row) - 1] for row in rows]
    alone = torch.cat([plain.at([row], [within]) for row, within in zip(rows, places, strict=True)])
    before = model.config._attn_implementation  # noqa: SLF001 - transformers has a setter for it, and no getter

    def why_not() -> str | None:
        """What keeps the model, as it now is, from being packed."""
        try:
            apart = (Packed(model).at(rows, places) - alone).float().norm() / alone.float().norm()
        except Exception as error:  # noqa: BLE001 - whatever another architecture raises here, it is one that cannot be packed
            return f"{type(error).__name__}: {error}"
        return None if apart < _NEAR[alone.dtype] else f"states would be {float(apart):.1g} of their norm apart"

    if why := why_not():
        _log.info("rows of %s are padded, as they cannot be packed: %s", type(model).__name__, why)
        model.set_attn_implementation(before)
        return plain
    products.lay_out(model.base_model)
    if why := why_not():
        _log.info("linear layers of %s are left to torch: %s", type(model).__name__, why)
        products.take_back(model.base_model)
    return Packed(model)


def padded(rows: Sequence[Row], device: str) -> dict[str, torch.Tensor]:
    """Tokens and mask, padded on the right; which token pads does not matter, as no place of it is read."""
    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
