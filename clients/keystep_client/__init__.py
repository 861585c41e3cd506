"""The light client of keystep: typed, sync and async, no torch, no server import.

    from keystep_client import Client

    with Client("http://127.0.0.1:8000") as client:
        for group in client.score(groups).groups:
            print(group.id, [rollout.reward for rollout in group.rollouts])

Reading order: models.py (what goes out and comes back), calls.py and stream.py (the wire without
I/O), client.py (the sending), gate.py, errors.py; adapters/ puts it into trainers.
"""

from keystep_client.client import AsyncClient, Client
from keystep_client.errors import (
    BusyError,
    ClientError,
    JobError,
    ProtocolError,
    RejectedError,
    ServiceError,
    TooLargeError,
    UndecidedError,
    UnreachableError,
)
from keystep_client.models import (
    Candidate,
    CandidateGroup,
    Group,
    Item,
    Job,
    KeySteps,
    KeyStepsResult,
    Outcome,
    PairsResult,
    Question,
    RecipesResult,
    Rollout,
    ScoredGroup,
    ScoredRollout,
    ScoreResult,
    VerifyResult,
)

__all__ = [
    "AsyncClient",
    "BusyError",
    "Candidate",
    "CandidateGroup",
    "Client",
    "ClientError",
    "Group",
    "Item",
    "Job",
    "JobError",
    "KeySteps",
    "KeyStepsResult",
    "Outcome",
    "PairsResult",
    "ProtocolError",
    "Question",
    "RecipesResult",
    "RejectedError",
    "Rollout",
    "ScoreResult",
    "ScoredGroup",
    "ScoredRollout",
    "ServiceError",
    "TooLargeError",
    "UndecidedError",
    "UnreachableError",
    "VerifyResult",
]
