"""The synthetic tasks: exact references, questions that are the same everywhere, splits that do not meet, flaws as asked for."""

import random
import re

import pytest

from keystep_train.tasks import TASKS, Flaws, task
from keystep_train.tasks.scenes import CELL, Scenes
from keystep_train.tasks.tiny import text_model, tokenizer

BOTH = [("arithmetic", 5), ("scenes", 2), ("arithmetic", 1), ("scenes", 6)]


@pytest.mark.parametrize(("name", "difficulty"), BOTH)
def test_the_service_finds_a_reference_worth_everything(service, name, difficulty):
    made = task(name, difficulty=difficulty)
    groups = []
    for i in range(50):
        q = made.question("train", i)
        rollouts = [{"id": "r", "text": q.reference}]
        groups.append(
            {"id": q.id, "question": q.prompt, "answer": q.answer, "key_steps": [list(k) for k in q.key_steps], "rollouts": rollouts}
        )
    scored = [group["rollouts"][0] for group in service.post("/v1/score", {"groups": groups}).json()["groups"]]
    assert {(r["outcome"], r["step_rvr"]) for r in scored} == {(1.0, 1.0)}
    assert {round(r["reward"], 9) for r in scored} == {2.1}


@pytest.mark.parametrize(("name", "difficulty"), BOTH)
def test_a_question_is_the_same_in_every_process_and_never_in_both_splits(name, difficulty):
    one, other = task(name, difficulty=difficulty), task(name, difficulty=difficulty)
    assert one.question("train", 7).reference == other.question("train", 7).reference
    assert one.question("train", 7).prompt != task(name, difficulty=difficulty, seed=1).question("train", 7).prompt
    references = {split: {one.question(split, i).reference for i in range(200)} for split in ("train", "test")}
    assert not references["train"] & references["test"]


def test_question_seven_of_each_task_is_this_one():
    """Pinned: another answer here would make every published result a result of another task."""
    assert task("arithmetic", difficulty=5).question("train", 7).prompt == "4 - 2 + 9 - 4 + 9 + 2\n"
    assert (
        task("scenes", difficulty=2).question("train", 7).prompt
        == "Subtract all green metal things. Subtract all large metal spheres. How many objects are left?\n"
    )


def test_chains_stay_between_0_and_19_and_their_key_steps_are_their_equations():
    made = task("arithmetic", difficulty=9)
    for i in range(100):
        q = made.question("train", i)
        for step in q.key_steps:
            left, right = step[0].split(" = ")
            assert eval(left) == int(right)  # of our own making, digits and signs
            assert 0 <= int(right) <= 19
        assert q.key_steps[-1][0].endswith(f" = {q.answer}")


def test_a_scene_shows_what_its_reference_says():
    scenes = Scenes(difficulty=2)
    scene, question = scenes.scene("train", 5), scenes.question("train", 5)
    left = [t for t in scene.things if not any(kind.holds(t) for kind in scene.kinds)]
    assert question.answer == str(len(left))
    picture = question.images[0]
    assert picture.width % CELL == picture.height % CELL == 0
    empty = set(range(8)) - {thing.cell for thing in scene.things}
    cells = {cell: picture.crop((cell % 4 * CELL, cell // 4 * CELL, (cell % 4 + 1) * CELL, (cell // 4 + 1) * CELL)) for cell in range(8)}
    assert {cell for cell, image in cells.items() if len(image.getcolors()) == 1} == empty


def test_flaws_come_as_often_as_asked():
    made = task("arithmetic", difficulty=5)
    rng = random.Random(0)
    wrong = broken = 0
    for i in range(400):
        text = made.response("train", i, Flaws(step=0.45, layout=0.1), rng)
        steps = re.findall(r"(\d+) ([+-]) (\d+) = (\d+)", text)
        assert len(steps) == 5
        wrong += sum(eval(a + op + b) != int(c) for a, op, b, c in steps)
        broken += not text.startswith("### Image Description:\nA chain.\n\n### Rationales:\n")
    assert 0.40 < wrong / 2000 < 0.50
    assert 0.04 < broken / 400 < 0.14


@pytest.mark.parametrize("name", TASKS)
def test_filler_makes_a_response_longer_and_takes_nothing_away(name):
    made = task(name, difficulty=5)
    wordy = added = 0
    for i in range(100):
        plain, long = (made.response("train", i, Flaws(filler=filler), random.Random(i)) for filler in (0.0, 0.5))
        words = plain.split("### Rationales:\n")[1].split("\n")[0]
        assert plain.count(words) == 1
        assert long.replace(f":\n{words}\n", ":\n").replace("### Rationales:\n", f"### Rationales:\n{words}\n") == plain
        wordy += len(long) > len(plain)
        added += long.count(words) - 1
    assert wordy > 80
    assert 0.4 < added / (100 * plain.count("### Step")) < 0.6


def test_only_one_operator_is_wrong_where_only_it_may_be():
    made = task("arithmetic", difficulty=5)
    rng = random.Random(0)
    steps = [
        step
        for i in range(100)
        for step in re.findall(r"(\d+) \+ (\d+) = (\d+)", made.response("train", i, Flaws(step=1.0, only="-"), rng))
    ]
    assert len(steps) > 100
    assert all(int(a) + int(b) == int(c) for a, b, c in steps)


@pytest.mark.parametrize("name", TASKS)
def test_a_tiny_tokenizer_gives_back_every_text_of_its_task(name):
    made = task(name, difficulty=2)
    words = tokenizer(made.texts())
    rng = random.Random(1)
    for i in range(2000, 2200):
        q = made.question("test", i)
        for text in (q.prompt, q.reference, made.response("test", i, Flaws(step=0.5, layout=0.5, filler=0.5), rng)):
            assert words.decode(words(text).input_ids) == text
            assert words.unk_token_id not in words(text).input_ids
    assert text_model(words, hidden=32, layers=1, heads=2).config.vocab_size == len(words)


def test_a_task_says_what_there_is():
    with pytest.raises(ValueError, match="there is no task 'chess'; there are arithmetic, scenes"):
        task("chess", difficulty=1)
    with pytest.raises(ValueError, match="difficulty is 12"):
        task("arithmetic", difficulty=12)
