"""Judgements as they are stored: keystep's own lines, AlpacaEval's annotations, Arena-Hard's and MT-Bench's judgements.

keystep      {"id", "model", "baseline", "preference", "orders": ["first" | "second" | "tie", ...], "output_length", "baseline_length"}
             {"id", "model", "score"}                                                             by a judge of single answers
alpaca_eval  {"instruction", "output_1", "output_2", "preference": 1 .. 2}                        the baseline is output_1
arena_hard   {"model", "games": [{"score": "A>B"}, {"score": "B>>A"}]}                            A is the baseline, then the model
mt_bench     {"model_1", "model_2", "g1_winner", "g2_winner"}                                     the baseline is model_2
             {"model", "score"}                                                                   -1 where the judge failed

">>" counts as ">" does: a win is a win. A judgement that failed is undecided and stays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keystep.errors import InputError
from keystep.judges.winrate import Judged

# Position of the winner, in Arena-Hard's words.
_ARENA = {"A>>B": "first", "A>B": "first", "A=B": "tie", "B>A": "second", "B>>A": "second"}
_SHARE = {"first": 1.0, "tie": 0.5, "second": 0.0}


@dataclass(slots=True)
class Judgements:
    """What a file says. orders: the verdicts of each pair that was judged in both orders, output first and then output second.

    scores: of single answers, by model.  undecided: judgements that failed.
    """

    judged: list[Judged] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class PositionBias:
    """pairs: judged in both orders.  first: share of verdicts, ties aside, for what stood first; 0.5 is none.  None without any.

    consistent: share of pairs whose two verdicts name the same text, or tie twice.
    """

    pairs: int
    first: float | None
    consistent: float


def preference(orders: Iterable[str]) -> float:
    """Of the output, from the verdict with it first and that with it second."""
    first, second = orders
    return (_SHARE[first] + 1.0 - _SHARE[second]) / 2.0


def position_bias(orders: Iterable[tuple[str, str]]) -> PositionBias | None:
    """None where nothing was judged in both orders."""
    pairs = list(orders)
    if not pairs:
        return None
    said = [verdict for pair in pairs for verdict in pair if verdict != "tie"]
    turned = {"first": "second", "second": "first", "tie": "tie"}
    consistent = sum(turned[first] == second for first, second in pairs) / len(pairs)
    return PositionBias(len(pairs), said.count("first") / len(said) if said else None, consistent)


def read(rows: Iterable[Mapping[str, Any]]) -> Judgements:
    """Raises InputError that names the entry."""
    found = Judgements()
    for number, row in enumerate(rows, 1):
        try:
            _take(row, found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"entry {number} is no judgement of keystep, AlpacaEval, Arena-Hard or MT-Bench ({type(error).__name__}: {error})",
                field="in",
            ) from None
    return found


def _take(row: Mapping[str, Any], found: Judgements) -> None:
    if "output_1" in row:
        _take_alpaca(row, found)
    elif "games" in row:
        verdicts = [_ARENA.get(game.get("score")) for game in row["games"]]
        # The baseline stands first in the first game: turned, that is the order with the output first.
        _take_orders(tuple(reversed(verdicts)), None, found)
    elif "g1_winner" in row:
        _take_orders((_mt(row["g1_winner"], "model_1"), _mt(row["g2_winner"], "model_2")), None, found)
    elif "score" in row:
        if row["score"] is None or row["score"] < 0:
            found.undecided += 1
        else:
            found.scores.setdefault(str(row["model"]), []).append(float(row["score"]))
    elif row["preference"] is None:
        found.undecided += 1
    else:
        _take_orders(tuple(row["orders"]), row["output_length"] - row["baseline_length"], found)


def _take_alpaca(row: Mapping[str, Any], found: Judgements) -> None:
    said = row["preference"]
    if said is None or said != said:  # noqa: PLR0124 - NaN, as pandas writes it
        found.undecided += 1
        return
    share = 0.5 if said == 0 else float(said) - 1.0  # older files write a tie as 0
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"preference is {said}, not 1 to 2")
    found.judged.append(Judged(share, len(row["output_2"]) - len(row["output_1"])))


def _take_orders(orders: tuple[str | None, ...], longer_by: int | None, found: Judgements) -> None:
    if len(orders) != 2:
        raise ValueError(f"{len(orders)} games; two are needed, one an order")
    first, second = orders
    if first is None or second is None:
        found.undecided += 1
        return
    found.orders.append((first, second))
    found.judged.append(Judged(preference((first, second)), longer_by))


def _mt(winner: str, stood_first: str) -> str | None:
    """None for an error. model_1 stands first in the first game, model_2 in the second."""
    if winner in ("model_1", "model_2"):
        return "first" if winner == stood_first else "second"
    return "tie" if winner == "tie" else None
