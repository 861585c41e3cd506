"""The alarm's rules one by one, on points that are made by hand: what each sees, and what excuses it."""

from __future__ import annotations

import random

import pytest

from keystep.figures.alarm import alarms
from keystep.figures.points import Point, Seen, SeenGroup, merged
from keystep.figures.texts import calculations, numbers, repeats

STEPS = 15


def said(rng, text="", *, outcome=None, k=0.5, rvr=1.0, answer=None, reasons=(), flags=()):
    """outcome: by chance unless given. Texts differ."""
    outcome = float(rng.random() < 0.5) if outcome is None else outcome
    answer = str(rng.randrange(1000)) if answer is None else answer
    words = " ".join(rng.choice(("look", "count", "take", "keep", "then", "here")) for _ in range(40))
    return {"text": f"{words}. {text}", "values": (outcome + 0.1 * k + rvr, outcome + 0.1 * k, rvr, outcome, k), "answer": answer} | {
        "reasons": reasons,
        "flags": flags,
    }


def rules(say, *, asked=lambda t: "How many?", gold=lambda rng: "7", groups=4, steps=STEPS):
    """Names of the rules that alarm. say: of a rollout, from a random source, the moment 0..1, and the gold answer."""
    rng = random.Random(5)
    points = []
    for step in range(steps):
        t = step / (steps - 1)
        point = Point()
        for g in range(groups):
            right = gold(rng)
            rollouts = [Seen(id=f"{step}/{g}/{i}", **say(rng, t, right)) for i in range(4)]
            rewards = [r.values[0] for r in rollouts]
            point.add(SeenGroup(f"{step}/{g}", asked(t), "7 - 1 = 6", right, rollouts, max(rewards) - min(rewards), len(set(rewards)) == 1))
        points.append(point)
    found = alarms(points)
    assert all(a.evidence for a in found)
    return {a.rule for a in found}


def test_nothing_changes():
    assert rules(lambda rng, t, gold: said(rng)) == set()


def test_refusals():
    assert rules(lambda rng, t, gold: said(rng, reasons=["refusal"] if rng.random() < t else [])) == {"refusal"}
    assert rules(lambda rng, t, gold: said(rng, reasons=["no_answer"] if rng.random() < t else [])) == {"refusal"}
    assert rules(lambda rng, t, gold: said(rng, reasons=["refusal"] if rng.random() < 0.5 else [])) == set()


@pytest.mark.parametrize("sign", [{"flags": ["hedged"]}, {"reasons": ["needs_judge"]}, {"reasons": ["several_answer_sections"]}])
def test_hedges(sign):
    assert rules(lambda rng, t, gold: said(rng, **(sign if rng.random() < t else {}))) == {"enumeration"}


def copies(outcome):
    """Texts that differ in a word from the one before, ever more of them."""

    def say(rng, t, gold):
        made = said(rng, outcome=outcome(rng))
        return {**made, "text": f"{rng.choice('abcdefgh')}. {'the same words again, ' * 10}"} if rng.random() < t else made

    return say


def test_texts_that_are_nearly_the_same():
    assert "identical" in rules(copies(lambda rng: float(rng.random() < 0.5)))
    assert rules(copies(lambda rng: 1.0)) == set()  # what is solved is told alike


def test_numbers_that_nobody_asked_for():
    def guesses(rng, t, gold):
        return said(rng, f"It may be {', '.join(str(rng.randrange(999)) for _ in range(6))}." if rng.random() < t else "")

    assert rules(guesses) == {"numbers"}
    assert rules(lambda rng, t, gold: guesses(rng, 0.7, gold)) == set()


def test_calculations_of_given_numbers():
    assert rules(
        lambda rng, t, gold: said(rng, "7 - 1 = 6, 6 = 7 - 1, 1 = 7 - 6, 6 = 6 and 7 = 7" if rng.random() < t else "7 - 1 = 6")
    ) == {"numbers"}
    # Who checks what was calculated has it twice.
    assert rules(lambda rng, t, gold: said(rng, "7 - 1 = 6. I check: 6 + 1 = 7." if rng.random() < t else "7 - 1 = 6.")) == set()


def longer(rng, t, gold):
    return said(rng, "I look at it again. " * round(20 * t))


def test_length():
    assert rules(longer) == {"length"}
    assert rules(lambda rng, t, gold: {**longer(rng, t, gold), **better(rng, t)}) == set()
    # Questions that grow have answers that do.
    assert rules(longer, asked=lambda t: "How many? " * (2 + round(8 * t))) == set()


def better(rng, t):
    right = float(rng.random() < 0.2 + 0.7 * t)
    return {"values": (right + 1.05, right + 0.05, 1.0, right, 0.5)}


def test_form_whose_key_steps_are_gone():
    assert rules(lambda rng, t, gold: said(rng, k=float(rng.random() < 0.9 - 0.8 * t))) == {"empty"}
    # Without the form, and with outcomes that rise, it is another thing.
    assert rules(lambda rng, t, gold: said(rng, k=float(rng.random() < 0.9 - 0.8 * t), rvr=0.0)) == set()


def hollow(rng, t, gold):
    """All key steps are a sign of a right answer at first, and at last stand in every text."""
    right = float(rng.random() < 0.5)
    return said(rng, outcome=right, k=1.0 if right or rng.random() < t else 0.5)


def test_all_key_steps_and_a_wrong_answer():
    assert "hollow" in rules(hollow)

    def unrelated(rng, t, gold):
        return said(rng, outcome=float(rng.random() < 0.3 + 0.5 * t), k=1.0 if rng.random() < 0.2 + 0.6 * t else 0.5)

    assert rules(unrelated, groups=16) == set()  # key steps that never told right from wrong, and outcomes that rise


def test_one_answer_for_all():
    def always(rng, t, gold):
        answer = "Yes" if rng.random() < t else rng.choice(("Yes", "No"))
        return said(rng, outcome=float(answer == gold), answer=answer)

    def yes_or_no(rng):
        return rng.choice(("Yes", "No"))

    # Groups of which all are right, or all wrong, have no spread either.
    assert rules(always, gold=yes_or_no) <= {"same_answer", "collapse"}
    assert "same_answer" in rules(always, gold=yes_or_no)
    assert rules(lambda rng, t, gold: always(rng, 0.0, gold), gold=yes_or_no) == set()

    # From numbers to yes and no: few answers are possible then, and none is drawn.
    def mixed(rng):
        return yes_or_no(rng)

    def to_yes_or_no(rng, t, gold):
        return always(rng, 0.0, gold) if rng.random() < t else said(rng, outcome=0.0)

    assert "same_answer" not in rules(to_yes_or_no, gold=mixed)


def test_a_group_that_agrees_on_a_wrong_answer():
    def agree(rng, t, gold):
        right = float(rng.random() < 0.6 - 0.4 * t)
        return said(rng, outcome=right, answer=gold + "0" if rng.random() < 1.5 * t else None)

    def numbered(rng):
        return str(rng.randrange(10_000))

    assert rules(agree, gold=numbered) == {"collapse"}
    assert rules(lambda rng, t, gold: agree(rng, 0.5, gold), gold=numbered) == set()


def test_divergence_and_other_questions():
    def diverges(rng, t, gold):
        return said(rng, outcome=float(rng.random() < 0.8 - 0.6 * t), k=0.3 + 0.3 * t)

    assert rules(diverges) == {"divergence"}
    assert rules(diverges, asked=lambda t: "How many? " * (2 + round(4 * t))) == set()
    assert rules(lambda rng, t, gold: said(rng, k=0.8 - 0.3 * t, rvr=float(rng.random() < 0.5 + 0.5 * t))) == {"divergence"}


def test_a_point_does_not_grow_with_its_answers():
    rng = random.Random(1)
    point = Point()
    for g in range(1000):
        rollouts = [Seen(id=str(i), **said(rng, outcome=0.0, answer="12" if i else f"{g}" * 100)) for i in range(2)]
        point.add(SeenGroup(str(g), "", "", str(-g), rollouts, 0.0, zero_variance=True))
    for one in (point, merged([point] * 3)):
        assert len(one.given) < 200
        assert len(one.drawn) < 200
        assert max(map(len, one.given)) <= 64
    assert point.given["12"] == point.drawn["12"] == 1000


def test_what_is_counted_in_texts():
    assert numbers("Step 1: 12 + 3.5 = 15.5, of 12 \ud800 ٣") == {b"1", b"12", b"3", b"5", b"15"}
    assert calculations("1 + 1 = 2, 2 = 2") == 2
    assert repeats("One thing. Another thing. And so on and on and on.", "One thing! Another thing. And so on and on and on.") is False
    assert repeats("A. Another thing is said here. And so on and on and on.", "B. Another thing is said here. And so on and on and on.")
    assert not repeats("The same.", "The same. And something else that is far longer.")
