"""A decoder's states at some places of rows of tokens: padded, or packed, which computes once what rows have in common.

A causal model's state at a token depends on what stands before it and on nothing else. So rows that begin alike, as the responses to
one question do, may share the states of their beginning (SGLang, section 3), and no row has to be padded:

    sorted, each row has most in common with the row before it
    a pack is, of each row, the tokens that the row before it lacks, one behind the other; a row is where its tokens stand there
    what works token by token sees a pack as one long row; attention runs row by row, each row's new tokens over all of its tokens
    in the last layer, what works token by token runs where a state is asked for, and nowhere else

Not every architecture lets attention be run so. Which does is tried when a model is loaded: where a pack's states are not those of each
row alone, rows are padded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from keystep.models.batcher import Item, cut

Row: TypeAlias = Sequence[int]

# Parts of a layer that work token by token, as Llama and its kin call them; attention's keys and values are needed everywhere.
_BY_TOKEN = ("self_attn.q_proj", "self_attn.o_proj", "mlp")
# How far a pack's states may be from those of each row alone, as a share of their norm; rows that see one another are at about 1.
_NEAR = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}
_ATTENTION = "keystep_packed"

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

    def __init__(self, model: Any, device: str) -> None:
        self._base = model.base_model
        self._device = device
        model.set_attn_implementation(_ATTENTION)
        last = getattr(self._base, "layers", [None])[-1]
        self._by_token = [module for name, module in last.named_modules() if name in _BY_TOKEN] if last is not None else []

    def cut(self, rows: Mapping[Item, Row], budget: int) -> Iterator[list[Item]]:
        batch: list[Item] = []
        size, before = 0, ()  # type: int, Row
        for item in sorted(rows, key=lambda i: tuple(rows[i])):
            new = len(rows[item]) - _alike(before, rows[item])
            if batch and size + new > budget:
                yield batch
                batch, size, new = [], 0, len(rows[item])
            batch.append(item)
            size, before = size + new, rows[item]
        if batch:
            yield batch

    @torch.inference_mode()
    def at(self, rows: Sequence[Row], places: Sequence[Sequence[int]]) -> torch.Tensor:
        pack = _packed(rows, self._device)
        read = torch.cat([where[list(within)] for where, within in zip(pack.rows, places, strict=True)])
        with _only(self._by_token, read):
            found = self._base(input_ids=pack.ids, position_ids=pack.positions, use_cache=False, pack=pack)
        states: torch.Tensor = found.last_hidden_state[0, read]
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
    try:
        packed = Packed(model, device)
        apart = (packed.at(rows, places) - alone).float().norm() / alone.float().norm()
        if apart < _NEAR[alone.dtype]:
            return packed
        why = f"states would be {float(apart):.1g} of their norm apart"
    except Exception as error:  # noqa: BLE001 - whatever another architecture raises here, it is one that cannot be packed
        why = f"{type(error).__name__}: {error}"
    _log.info("rows of %s are padded, as they cannot be packed: %s", type(model).__name__, why)
    model.set_attn_implementation(before)
    return plain


def padded(rows: Sequence[Row], device: str) -> dict[str, torch.Tensor]:
    """Tokens and mask, padded on the right; which token pads does not matter, as no place of it is read."""
    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


@dataclass(frozen=True, slots=True)
class _New:
    """A row's new tokens. seen: where all of its tokens stand.  mask: which of these each new one sees (1 x 1 x new x all).
    None, both: the row is all new."""

    span: slice
    seen: torch.Tensor | None
    mask: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class _Pack:
    """ids, positions: 1 x tokens.  rows: where each row's tokens stand.  new: of each row that has any."""

    ids: torch.Tensor
    positions: torch.Tensor
    rows: list[torch.Tensor]
    new: list[_New]


def _packed(rows: Sequence[Row], device: str) -> _Pack:
    ids: list[int] = []
    positions: list[int] = []
    wheres: list[torch.Tensor] = []
    news = []
    before: Row = ()
    for row in rows:
        known, start = _alike(before, row), len(ids)
        ids += row[known:]
        positions += range(known, len(row))
        new = torch.arange(start, len(ids), device=device)
        where = torch.cat([wheres[-1][:known], new]) if known else new
        if known < len(row):
            mask = torch.ones((1, 1, len(new), len(row)), dtype=torch.bool, device=device).tril(known) if known else None
            news.append(_New(slice(start, len(ids)), where if known else None, mask))
        wheres.append(where)
        before = row
    return _Pack(torch.tensor([ids], device=device), torch.tensor([positions], device=device), wheres, news)


def _alike(before: Row, row: Row) -> int:
    """How many tokens two rows begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(before, row, strict=False)) if a != b), min(len(before), len(row)))


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _mask: torch.Tensor | None, **told: Any
) -> tuple[torch.Tensor, None]:
    """transformers' own attention, a row at a time. query, key, value: 1 x heads x tokens x width."""
    if told.get("sliding_window") is not None:
        raise ValueError("attention within a window is not packed")
    pack: _Pack = told.pop("pack")
    out = query.new_empty(1, query.shape[2], query.shape[1], value.shape[3])
    for new in pack.new:
        seen = new.span if new.seen is None else new.seen
        out[:, new.span] = sdpa_attention_forward(module, query[:, :, new.span], key[:, :, seen], value[:, :, seen], new.mask, **told)[0]
    return out, None


AttentionInterface.register(_ATTENTION, _attend)


@contextmanager
def _only(modules: Sequence[torch.nn.Module], places: torch.Tensor) -> Iterator[None]:
    """Within it these modules see only those tokens of the one row there is, and give 0 for all others."""

    def pick(_: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        shapes.append(arguments[0].shape)
        return (arguments[0][:, places],)

    def put(_: torch.nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        whole = output.new_zeros(*shapes.pop()[:2], output.shape[2])
        whole[:, places] = output
        return whole

    shapes: list[torch.Size] = []
    with ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_pre_hook(pick).remove)
            hooks.callback(module.register_forward_hook(put).remove)
        yield
