"""keystep pairs. Heavy imports stand inside the command, so that --help is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table


def pairs(
    source: Annotated[Path, Parameter(name="IN")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    by: str = "reward",
    rewards: Path | None = None,
    top: int = 1,
    min_margin: float = 0.0,
    form: Literal["trl", "trl_messages", "simpo"] = "trl",
    format: str | None = None,  # noqa: A002 - the option's name
) -> int:
    """Choose preference pairs from scored responses.

    Example: keystep pairs rollouts.jsonl --rewards rewards.jsonl -o pairs.jsonl --by outcome,reward

    Prints why groups have no pair, and how long the chosen texts are beside the rejected ones. Lines that cannot be used are kept
    in OUT.bad.jsonl with their reason; the exit status is then 1.

    Parameters
    ----------
    source
        JSONL or Parquet: what keystep score reads, groups whose rollouts bear scores, or SimPO's all_rm_scores rows.
    out
        Where pairs go, one a line.
    by
        The score that decides, or several by commas: the next counts only where those before it are equal. reward, step_rar,
        step_rvr, outcome, a reward model's name; of Qwen MATH rows also pred_score and score.
    rewards
        What keystep score wrote for IN; not needed where the rows bear scores themselves.
    top
        Pairs of a group at most: the i-th best against the i-th worst.
    min_margin
        Pairs whose deciding score differs by less are dropped. Ties always are.
    form
        trl: prompt, chosen, rejected as texts; trl_messages: as messages; simpo: as SimPO's scripts write them.
    format
        scored, simpo, or one of keystep score's; told from the first line when not given.
    """
    from pydantic import ValidationError

    from keystep.batch.pairs import Job, run
    from keystep.errors import InputError
    from keystep.wire.pairs import Choosing

    try:
        how = Choosing(by=[name.strip() for name in by.split(",")], top=top, min_margin=min_margin, form=form)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0])
        raise InputError(f"--{option.replace('_', '-')} is {first['input']!r}: {first['msg']}", field=option) from None
    tally, aside = run(Job(source=source, out=out, how=how, rewards=rewards, format=format))
    _show(tally.to_json())
    if aside:
        print(f"keystep: {aside} lines kept aside; {out}.bad.jsonl says why", file=sys.stderr)
    return 1 if aside else 0


def _show(told: dict[str, Any]) -> None:
    """told: the wire's PairStatistics."""
    table = Table(title=f"{told['pairs']} pairs of {told['groups']} groups", show_header=False)
    for why, count in told["dropped"].items():
        table.add_row(f"groups without a pair: {why}", str(count))
    table.add_row("responses left out: undecided", str(told["undecided"]))
    table.add_row("responses left out: same text as another", str(told["duplicates"]))
    length = told["length"]
    if told["pairs"]:
        table.add_row("mean characters, chosen", f"{length['chosen_mean']:.1f}")
        table.add_row("mean characters, rejected", f"{length['rejected_mean']:.1f}")
        table.add_row("pairs whose chosen text is the longer (0.5: no length bias)", f"{length['chosen_longer']:.3f}")
    Console().print(table)
