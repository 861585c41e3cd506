"""Rewards on their way: what is undecided, a service that goes away, and the order in which groups are asked for."""

import contextlib
import threading
import time

import pytest

from keystep_client import RejectedError
from keystep_train import config
from keystep_train.policies import load
from keystep_train.questions import Questions, group
from keystep_train.rewards import Scorer, signal
from keystep_train.sampling import generate
from keystep_train.tasks import task
from running import running
from tcp_proxy import proxy_to


def asked(count, *, first=0):
    """Groups of two rollouts: the reference, and half of it."""
    made = task("arithmetic", difficulty=2)
    questions = [made.question("train", i) for i in range(first, first + count)]
    return [group(q, [q.reference, q.reference[: len(q.reference) // 2]], [False, True]) for q in questions]


def undecided(id_):
    """A group whose second rollout only a careful reader could judge."""
    texts = [
        "### Image Description:\na\n\n### Rationales:\nb\n\n### Step 1:\nc\n\n### The final answer is:\n" + t
        for t in ("yes", "The dog seems to.")
    ]
    rollouts = [{"id": f"{id_}/{i}", "text": text} for i, text in enumerate(texts)]
    return {"id": id_, "question": "Is there a dog?", "answer": "yes", "answer_type": "yes_no", "key_steps": ["c"], "rollouts": rollouts}


def scored(service, groups, **settings):
    with Scorer(config.Service(url=service.url, **settings)) as scorer:
        return scorer.collect([scorer.send(one) for one in groups])


def test_rewards_come_in_the_order_they_were_asked_for(service):
    groups = asked(8)
    collected = scored(service, groups)
    assert [one.id for one in collected.groups] == [one["id"] for one in groups]
    advantages = signal(collected.groups, "drop_rollout").advantages
    assert all(a > 0 > b for a, b in zip(advantages[::2], advantages[1::2], strict=True))


def test_an_undecided_rollout_is_left_out_or_its_group_is_and_never_zero(service):
    groups = scored(service, [undecided("q"), *asked(1)]).groups
    assert groups[0].rollouts[1].reward is None
    left_out = signal(groups, "drop_rollout")
    assert left_out.advantages[:2] == [0.0, None]
    assert left_out.metrics["rewards/rollouts_left_out"] == 1
    dropped = signal(groups, "drop_group")
    assert dropped.advantages[:2] == [None, None]
    assert dropped.advantages[2:] == left_out.advantages[2:]
    assert dropped.metrics["rewards/groups_dropped"] == 1
    assert dropped.metrics["rewards/undecided_share"] == 0.25


def test_an_undecided_group_is_asked_for_again_as_often_as_told(service):
    assert scored(service, [undecided("q"), *asked(1)], retries=2).retried == 2
    assert scored(service, [undecided("q"), *asked(1)]).retried == 0


def test_training_waits_for_a_service_that_is_away_and_asks_only_for_what_is_missing(tmp_path, capsys):
    """Two services in the place of one that goes and comes back, behind an address that stays."""
    with contextlib.ExitStack() as stack:
        with running(tmp_path) as service:
            proxy = stack.enter_context(proxy_to(service.url))
            scorer = stack.enter_context(Scorer(config.Service(url=proxy.url(service.url))))
            first = scorer.send(asked(1)[0])
            first.future.result(60)
        missing = scorer.send(asked(1, first=1)[0])
        collected = []
        waiting = threading.Thread(target=lambda: collected.append(scorer.collect([first, missing])))
        waiting.start()
        while "training waits for the service" not in capsys.readouterr().err:
            time.sleep(0.1)
        again = stack.enter_context(running(tmp_path))
        proxy.target = int(again.url.rpartition(":")[2])
        waiting.join(120)
        counted = [line for line in again.get("/metrics").text.splitlines() if line.startswith("keystep_rollouts_total")]
    assert [one.id for one in collected[0].groups] == [first.group["id"], missing.group["id"]]
    assert collected[0].paused > 0
    assert counted == ['keystep_rollouts_total{recipe="hardened",status="decided"} 2.0']  # those of the missing group alone


def test_a_group_the_service_refuses_ends_training_with_what_is_wrong(service):
    with pytest.raises(RejectedError, match="rollouts"):
        scored(service, [{"id": "q", "answer": "1", "rollouts": "none"}])


def test_each_group_is_sent_once_as_soon_as_its_rollouts_have_ended(warmed):
    questions = Questions(config.Data(task="arithmetic", difficulty=2), seed=0)
    policy = load(config.Model(path=str(warmed)), None, seed=0)
    sampling = config.Sampling(rollouts=2, temperature=1.5, max_new_tokens=34)
    told = []
    asked = questions.take("train", 0, 8)
    batch = generate(policy, asked, sampling, seed=3, done=lambda number, rows: told.append((number, policy.texts(rows))))
    texts = policy.texts(batch)
    assert sorted(told) == [(i, texts[2 * i : 2 * i + 2]) for i in range(8)]
    ended = [int(batch.lengths[2 * i : 2 * i + 2].max()) for i, _ in told]
    assert ended == sorted(ended)
    assert len(set(ended)) > 1
