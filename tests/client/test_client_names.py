"""The public face of keystep_client, pinned: a change here is a change for everybody."""

from __future__ import annotations

import inspect
import subprocess
import sys

import keystep_client
from keystep_client import AsyncClient, Client

CALLS = ("score", "submit_job", "job", "wait_for_job", "cancel_job", "verify", "key_steps", "pairs", "recipes")


def test_exported_names() -> None:
    assert keystep_client.__all__ == [
        "AsyncClient", "BusyError", "Candidate", "CandidateGroup", "Client", "ClientError", "Group", "Item", "Job", "JobError", "KeySteps", "KeyStepsResult", "Outcome", "PairsResult", "ProtocolError", "Question",
        "RecipesResult", "RejectedError", "Rollout", "ScoreResult", "ScoredGroup", "ScoredRollout", "ServiceError", "TooLargeError", "UndecidedError",
        "UnreachableError", "VerifyResult",
    ]  # fmt: skip
    assert all(hasattr(keystep_client, name) for name in keystep_client.__all__)


def test_both_clients_have_the_same_methods() -> None:
    methods = {name for name in vars(Client) if not name.startswith("_")}
    assert (
        methods
        == {name for name in vars(AsyncClient) if not name.startswith("_")}
        == {*CALLS, "submit", "stream", "send", "run", "start", "groups", "close"}
    )
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    for name in (*CALLS, "submit", "stream"):
        assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name))
    for name in CALLS:
        assert inspect.iscoroutinefunction(getattr(AsyncClient, name))
    assert list(inspect.signature(Client.score).parameters) == ["self", "groups", "recipe", "detail", "deadline_ms"]


def test_it_imports_neither_server_nor_torch() -> None:
    code = "import sys, keystep_client; print([m for m in sys.modules if m.partition('.')[0] in {'keystep', 'torch', 'fastapi', 'rapidfuzz', 'rich'}])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
