"""keystep judge, keystep winrate. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from keystep.commands.given import settings

_Source = Annotated[Path, Parameter(name="IN")]


def judge(
    source: _Source,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    against: Path | None = None,
    questions: Path | None = None,
) -> int:
    """Have a language model judge a file of outputs, alone or against a baseline.

    Example: keystep judge mine.json --against gpt4_turbo.json -o judgements.jsonl

    The judge is the model of KEYSTEP_LLM_URL and KEYSTEP_LLM_MODEL. Against a baseline each pair is judged in both orders. What was
    judged is cached: stopped anywhere, the same command asks for the rest only. Closes with the figures of keystep winrate; the
    exit status is 1 where some judgements failed.

    Parameters
    ----------
    source
        Outputs as AlpacaEval 2, Arena-Hard or MT-Bench store them, or lines of {"id", "question", "output"}.
    out
        Where judgements go, one a line, in the order of IN.
    against
        The baseline's outputs, for the same questions. Without it each output is scored alone, 1 to 10.
    questions
        The benchmark's questions, where outputs do not bear them (Arena-Hard, MT-Bench).
    """
    from keystep.cache.memory import MemoryCache
    from keystep.cache.tiers import TieredCache
    from keystep.engine import backing
    from keystep.errors import InputError
    from keystep.judges.judge import Judge
    from keystep.judges.run import Job, run
    from keystep.keysteps import llm

    logging.basicConfig(format="keystep: %(message)s")
    logging.getLogger("stamina").setLevel(logging.ERROR)
    given = settings()
    chat = llm.client(given)
    if chat is None:
        raise InputError("no judge is set; name one with KEYSTEP_LLM_URL and KEYSTEP_LLM_MODEL", field="llm_url")
    cache = TieredCache(MemoryCache(given.cache_entries), backing(given))
    try:
        job = Job(outputs=source, out=out, against=against, questions=questions)
        lines = run(job, Judge(chat, cache), at_once=given.llm_concurrency)
    finally:
        chat.close()
        cache.close()
    _show(lines)
    failed = sum(line["reason"] is not None for line in lines)
    if failed:
        print(f"keystep: {failed} judgements failed; their lines in {out} say why, and the same command tries them again", file=sys.stderr)
    return 1 if failed else 0


def winrate(source: _Source, /) -> int:
    """Win rates of a file of judgements: raw, and with the judge's liking for length taken out.

    Example: keystep winrate judgements.jsonl

    Parameters
    ----------
    source
        Judgements of keystep judge, AlpacaEval's annotations, or judgements of Arena-Hard or MT-Bench.
    """
    from keystep.judges import formats

    _show(formats.rows(source))
    return 0


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    from keystep.judges import judgements
    from keystep.judges.winrate import win_rate

    found = judgements.read(rows)
    table = Table(title=f"{len(found.judged)} pairs, {sum(map(len, found.scores.values()))} single judgements", show_header=False)
    if found.judged:
        rate = win_rate(found.judged)
        table.add_row("wins, ties, losses", f"{rate.wins}, {rate.ties}, {rate.losses}")
        table.add_row("win rate, raw", f"{rate.raw:.2%} (standard error {rate.standard_error:.2%})")
        told = rate.why if rate.length_controlled is None else f"{rate.length_controlled:.2%} (length effect {rate.length_effect:+.2f})"
        table.add_row("win rate, length-controlled", told)
    bias = judgements.position_bias(found.orders)
    if bias is not None:
        table.add_row("same verdict in both orders", f"{bias.consistent:.2%} of {bias.pairs}")
        table.add_row("verdicts for what stands first (50%: no bias)", "all tie" if bias.first is None else f"{bias.first:.2%}")
    for model, scores in found.scores.items():
        table.add_row(f"mean score of {model or 'the model'}", f"{sum(scores) / len(scores):.3f} of {len(scores)}")
    if found.undecided:
        table.add_row("undecided, left out", str(found.undecided))
    Console().print(table)
