"""Rows of tokens that begin alike as one row, a pack, and attention within it; states.py says what for.

torch's attention on a CPU computes the whole of a square of which a causal model sees half. So there a row's tokens attend a few at a time,
each time over no more than the last of them sees. In the last layer only those attend whose states are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

Row: TypeAlias = Sequence[int]

ATTENTION = "keystep_packed"
# Tokens that attend at a time on a CPU.
_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class _Part:
    """Some tokens of a row. at: where they stand in the pack.  sees: how many of the row's tokens they are shown, from its first.
    mask: which of these each does see (1 x 1 x tokens x sees); None: what stands before it, and itself."""

    at: slice | torch.Tensor
    sees: int
    mask: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class _Placed:
    """A row in a pack. where: its tokens.  new: those that the row before it lacks.  read: those whose states are asked for."""

    where: slice | torch.Tensor
    new: list[_Part]
    read: list[_Part]


@dataclass(frozen=True, slots=True)
class Pack:
    """ids, positions: 1 x tokens.  read: where a state is asked for, row after row.  last: index of the model's last layer."""

    ids: torch.Tensor
    positions: torch.Tensor
    read: torch.Tensor
    rows: list[_Placed]
    last: int


def of_rows(rows: Sequence[Row], places: Sequence[Sequence[int]], model: Any) -> Pack:
    """places: of each row, which of its states are asked for.  model: what will run it."""
    device = model.device
    order = torch.arange(max(map(len, rows)), device=device)
    at_a_time = _AT_A_TIME if device.type == "cpu" else len(order)
    ids: list[int] = []
    positions: list[int] = []
    reads, placed = [], []
    before: Row = ()
    where = order[:0]
    for row, within in zip(rows, places, strict=True):
        known, start = alike(before, row), len(ids)
        ids += row[known:]
        positions += range(known, len(row))
        where = torch.cat([where[:known], torch.arange(start, len(ids), device=device)])
        reads.append(where[list(within)])
        new, read = [], []
        for first in range(known, len(row), at_a_time):
            end = min(first + at_a_time, len(row))
            # From the row's beginning transformers needs no mask; nor does one token that sees all it is shown.
            mask = _mask(order[first:end], order[:end]) if first else None
            new.append(_Part(slice(start + first - known, start + end - known), end, mask))
        if within:
            sees = max(within) + 1
            read = [_Part(reads[-1], sees, _mask(order[list(within)], order[:sees]) if len(within) > 1 else None)]
        placed.append(_Placed(slice(start, len(ids)) if known == 0 else where, new, read))
        before = row
    as_row = {"ids": torch.tensor([ids], device=device), "positions": torch.tensor([positions], device=device)}
    return Pack(**as_row, read=torch.cat(reads), rows=placed, last=model.config.get_text_config().num_hidden_layers - 1)


def alike(before: Row, row: Row) -> int:
    """How many tokens two rows begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(before, row, strict=False)) if a != b), min(len(before), len(row)))


def _mask(tokens: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    return (shown <= tokens[:, None])[None, None]


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _: torch.Tensor | None, **told: Any
) -> tuple[torch.Tensor, None]:
    """transformers' own attention, a row at a time. query, key, value: 1 x heads x tokens x width."""
    if told.get("sliding_window") is not None:
        raise ValueError("attention within a window is not packed")
    pack: Pack = told.pop("pack")
    is_last = getattr(module, "layer_idx", None) == pack.last
    out = query.new_zeros(1, query.shape[2], query.shape[1], value.shape[3])
    for row in pack.rows:
        if parts := row.read if is_last else row.new:
            keys, values = _standing(key, row.where), _standing(value, row.where)
            for part in parts:
                seen = keys[:, :, : part.sees], values[:, :, : part.sees]
                out[:, part.at] = sdpa_attention_forward(module, query[:, :, part.at], *seen, part.mask, **told)[0]
    return out, None


def _standing(states: torch.Tensor, where: slice | torch.Tensor) -> torch.Tensor:
    """As states[:, :, where], which is slow: what a token has lies together in memory."""
    if isinstance(where, slice):
        return states[:, :, where]
    return states[0].transpose(0, 1).index_select(0, where).transpose(0, 1)[None]


AttentionInterface.register(ATTENTION, _attend)


@contextmanager
def only(modules: Sequence[torch.nn.Module], places: torch.Tensor) -> Iterator[None]:
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
