"""ms-swift's and EasyR1's calls, as their trainers make them; the examples that run by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.scripted import Answer, scripted
from keystep_client import UndecidedError
from keystep_client.adapters.easyr1 import keystep_score
from keystep_client.adapters.ms_swift import keystep_orm
from keystep_client.adapters.samples import question
from running import Service
from trainers import KEY_STEPS, LABEL, QUESTION, RIGHT, UNDECIDED, WRONG

EXAMPLES = Path(__file__).parents[2] / "clients/examples"


class ORM:
    """As ms-swift 4.6 has it."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args


def test_ms_swift(service: Service) -> None:
    made = keystep_orm(service.url, ORM, undecided=None)(args="theirs")
    columns = {
        "solution": ["6"] * 3,
        "key_steps": [KEY_STEPS] * 3,
        "messages": [[{"role": "user", "content": QUESTION}]] * 3,
        "images": [[{"bytes": b"", "path": "a.png"}]] * 3,
        "trainer_state": object(),
    }
    assert made.args == "theirs"
    assert made([RIGHT, UNDECIDED, WRONG], **columns) == [pytest.approx(2.1), None, pytest.approx(1.1)]
    assert keystep_orm(service.url, ORM, undecided=0.5)()([UNDECIDED], solution=["6"]) == [0.5]
    with pytest.raises(UndecidedError):
        keystep_orm(service.url, ORM, undecided="raise")()([UNDECIDED], solution=["6"])


def test_ms_swift_says_what_was_cut_off() -> None:
    with scripted(Answer(422, {"detail": "seen enough"})) as server:
        made = keystep_orm(server.url, ORM, undecided=None)()
        with pytest.raises(Exception, match="seen enough"):
            made([RIGHT, WRONG], solution=["6"] * 2, finish_reason=["stop", "length"])
    ((_, body),) = server.seen
    assert [r.get("truncated", False) for r in json.loads(body)["groups"][0]["rollouts"]] == [False, True]


def test_easyr1(service: Service) -> None:
    score = keystep_score(service.url, undecided=-1.0)
    inputs = [{"response": text, "response_length": 9, "ground_truth": LABEL} for text in (RIGHT, UNDECIDED, WRONG)]
    told = score(inputs)
    assert [one["overall"] for one in told] == pytest.approx([2.1, -1.0, 1.1])
    assert [(one["format"], one["accuracy"]) for one in told] == [(1, 1), (1, -1), (1, 0)]
    assert {tuple(one) for one in told} == {
        ("overall", "format", "accuracy", "step_rar", "step_rvr", "outcome", "key_steps_matched", "undecided")
    }
    assert score([]) == []


@pytest.mark.parametrize(
    ("label", "columns", "fields"),
    [
        ("6", None, {"answer": "6"}),
        (6, None, {"answer": "6"}),
        (np.float64(2.5), None, {"answer": "2.5"}),
        ('{"answer": 6, "choices": ["5", "6"], "id": "q"}', {"question": "?"}, {"answer": "6", "choices": ["5", "6"], "question": "?"}),
        ('{"a": 1}', None, {"answer": '{"a": 1}'}),
        (None, {"reference": "r", "key_steps": None, "index": 3}, {"reference": "r"}),
        ("6", {"key_steps": np.array([np.array(["a", "b"], dtype=object), np.array(["c"], dtype=object)], dtype=object)},
         {"answer": "6", "key_steps": [["a", "b"], ["c"]]}),
    ],
)  # fmt: skip
def test_labels(label: Any, columns: dict[str, Any] | None, fields: dict[str, Any]) -> None:
    assert question(label, columns) == fields


@pytest.mark.parametrize("example", ["overlap.py", "verl_reward.py", "openrlhf_reward.py", "easyr1_reward.py"])
def test_examples_run(service: Service, example: str) -> None:
    arguments = ["--url", service.url] if example in {"overlap.py", "verl_reward.py"} else []
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example), *arguments],
        capture_output=True, text=True, timeout=120, check=True, env=os.environ | {"KEYSTEP_URL": service.url},
    )  # fmt: skip
    assert any(word in done.stdout for word in ("rewards", "overall", "step_rar"))
