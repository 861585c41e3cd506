"""Chunks scored on a Ray cluster, through Ray Data: one task reads the input, as many actors as there are cores score it,
results come back in input order. An actor is an engine in one process, with one process for symbolic comparison.

The cluster is the one that RAY_ADDRESS names, else one of this machine's own, which ends with this process. Its nodes need
this version of keystep installed, and nothing else: the driver's node reads the input and writes the output.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask, read_datasource
from ray.data.block import BlockMetadata

from keystep import engine, wire
from keystep.batch.chunks import Input, Item, Scored, score_chunk
from keystep.batch.scorers import Detail
from keystep.errors import InputError, KeystepError
from keystep.garbage import collect_seldom
from keystep.recipe import Recipe
from keystep.settings import Settings

# A row is a chunk. Blocks of a few of them, so that every actor has some.
_BLOCK_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class Work:
    """What an actor has to know."""

    recipe: Recipe
    detail: Detail
    settings: Settings


@contextmanager
def cluster() -> Iterator[None]:
    """Connected to a cluster while the block lasts. InputError: nobody answers at RAY_ADDRESS, or not to us."""
    # Ray would tell its makers how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS")
    try:
        _reach(address)
        ray.init(logging_level=logging.ERROR, log_to_driver=False, include_dashboard=None if address else False)
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at RAY_ADDRESS={address}, or not to this RAY_AUTH_TOKEN ({error}); "
            "mend that, or unset RAY_ADDRESS for a cluster of this machine's own",
            field="engine",
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str | None) -> None:
    """OSError at once where nobody listens: Ray itself goes on trying for minutes."""
    at = urlsplit(address if address is None or "://" in address else f"ray://{address}")
    if isinstance(at.hostname, str) and at.port:
        socket.create_connection((at.hostname, at.port), timeout=5).close()


def scored(given: Input, size: int, work: Work) -> Iterator[Scored]:
    """Every chunk of size items, in order. Within cluster()."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = _BLOCK_BYTES
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    actors = ActorPoolStrategy(min_size=1, max_size=cores)
    # Reading takes no core of its own: on a machine of one, nothing would be left to score.
    chunks = read_datasource(_Chunks(given, size), num_cpus=0, override_num_blocks=1)
    results = chunks.map_batches(_Actor, fn_constructor_args=(work,), batch_size=1, compute=actors, num_cpus=1)
    for row in results.iter_rows():
        answer: Scored | KeystepError = pickle.loads(row["scored"])  # noqa: S301 - written by an actor of ours
        if isinstance(answer, KeystepError):
            raise answer
        yield answer


class _Chunks(Datasource):
    """The input as rows of one chunk each, read where the file lies, as far ahead as Ray Data has room for."""

    def __init__(self, given: Input, size: int) -> None:
        self._given = replace(given, path=given.path.absolute())  # a task's own folder is another
        self._size = size

    supports_distributed_reads = False

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None) -> list[ReadTask]:
        del parallelism, per_task_row_limit, data_context
        given, size = self._given, self._size
        unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, task_exec_stats=None)
        return [ReadTask(lambda: _blocks(given.items(), size), unknown)]


def _blocks(items: Iterator[Item], size: int) -> Iterable[pa.Table]:
    while chunk := list(islice(items, size)):
        yield pa.table({"chunk": [pickle.dumps(chunk)]})


class _Actor:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._engine = engine.build(work.settings.model_copy(update={"verifier_workers": 1}))
        self._engine.start()
        collect_seldom()

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"scored": [pickle.dumps(self._answer(pickle.loads(chunk))) for chunk in rows["chunk"]]}  # noqa: S301 - written by the task that reads

    def _answer(self, chunk: list[Item]) -> Scored | KeystepError:
        """What one of our errors says is data: raised here, it would arrive as a traceback in an error of Ray's."""
        try:
            return score_chunk(chunk, self._score)
        except KeystepError as error:
            return error

    def _score(self, groups: Sequence[wire.GroupIn]) -> tuple[list[dict[str, Any]], Sequence[str]]:
        answer = self._engine.score([wire.group_from(g) for g in groups], self._work.recipe)
        return [wire.group_to_json(g, self._work.detail) for g in answer.groups], answer.degraded
