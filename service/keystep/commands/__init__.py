"""keystep serve, keystep score; a module of this package for each other. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from keystep import __version__
from keystep.commands.given import recipe_spec, settings
from keystep.commands.judge import judge, winrate
from keystep.commands.keysteps import keysteps
from keystep.commands.ledger import ledger
from keystep.commands.pairs import pairs
from keystep.commands.reports import install as install_reports
from keystep.errors import KeystepError
from keystep_client import ClientError

app = App(
    name="keystep",
    version=__version__,
    help="Step-wise rewards for multimodal reasoners, with evidence: StepRAR, StepRVR, outcome.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # execute says how to go on
)

app.command(keysteps)
app.command(ledger)
app.command(pairs)
app.command(judge)
app.command(winrate)
install_reports(app)


@app.command
def serve(*, host: str | None = None, port: int | None = None) -> int:
    """Run the service until it is told to stop.

    Example: keystep serve --port 8000

    Everything else is a setting: environment variables named KEYSTEP_*.

    Parameters
    ----------
    host
        Address to listen on; 0.0.0.0 for every interface. [setting KEYSTEP_HOST]
    port
        Port to listen on; 0 takes a free one. [setting KEYSTEP_PORT]
    """
    from keystep.http.serve import serve as run

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    run(settings(**given))
    return 0


@app.command
def score(
    source: Annotated[Path, Parameter(name="IN")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    recipe: str = "hardened",
    format: str | None = None,  # noqa: A002 - the option's name
    profile: str | None = None,
    url: str | None = None,
    engine: Literal["local", "ray"] = "local",
    batch: int = 64,
    detail: Literal["rewards", "evidence"] = "rewards",
) -> int:
    """Score a file of rollouts, with a closing table.

    Example: keystep score rollouts.jsonl -o rewards.jsonl

    Stopped anywhere, even by a kill, the same command goes on where it stopped. Lines that cannot be scored are kept in
    OUT.bad.jsonl with their reason; the exit status is then 1.

    Parameters
    ----------
    source
        JSONL or Parquet: groups of POST /v1/score, one rollout a line, R1-VL rows, GSM8K or Qwen MATH responses.
    out
        Where rewards go: a group a line as the service answers it, or Parquet with a row a rollout when it ends in .parquet.
    recipe
        What decides a reward: hardened, paper, official, or JSON like '{"base": "hardened", "alpha": 0.2}'.
    format
        groups, flat, r1vl, gsm8k or qwen-math; told from the first line when not given.
    profile
        A benchmark's conventions for groups that name none, and its own figures below the table (mme's accuracy+, ...); paired
        figures read which questions belong together from ids like task/image/question.
    url
        Score on this service instead of on an engine of the command's own.
    engine
        What scores without --url: local, on all cores of this machine; ray, on the Ray cluster that RAY_ADDRESS names, or on one
        started here where it names none (needs the extra ray). Both write the same bytes, and go on where the other stopped.
    batch
        Groups scored at once.
    detail
        evidence also writes what each reward rests on.
    """
    from keystep.batch import Job, run

    logging.basicConfig(format="keystep: %(message)s")
    # A retry that helped is no news; one that did not ends in an error of its own.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    job = Job(
        source=source,
        out=out,
        recipe=recipe_spec(recipe),
        format=format,
        profile=profile,
        url=url,
        engine=engine,
        batch=batch,
        detail=detail,
    )
    summary = run(job, settings(), Console(stderr=True))
    summary.show(Console())
    if summary.bad_lines:
        print(f"keystep: {summary.bad_lines} lines could not be scored; {out}.bad.jsonl says why", file=sys.stderr)
    return 1 if summary.bad_lines else 0


def execute(arguments: Sequence[str]) -> int:
    """Exit status: 0; 1 some lines are bad; 2 not as asked; 130 interrupted."""
    try:
        status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _say(f"{' '.join(str(error).split())} (keystep --help)")
    except (KeystepError, ClientError) as error:
        return _say(str(error))
    except OSError as error:
        return _say(f"{error}; mend that, then run the same command again to go on")
    except KeyboardInterrupt:
        _say("stopped; run the same command again to go on")
        return 130
    return status if isinstance(status, int) else 0


def _say(message: str) -> int:
    print(f"keystep: {message}", file=sys.stderr)
    return 2
