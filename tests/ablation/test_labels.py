"""What the recipe semantic is for, held to labels: paraphrases found, and nothing else taken for one that hardened does not take."""

from __future__ import annotations

import pytest

from ablation import labels
from ablation.variants import OPEN_GATES, WITHOUT, patched
from keystep.models.embedder import Embedder
from keystep.recipe import HARDENED, SEMANTIC
from models.minilm import folder


@pytest.fixture(scope="module")
def embedder():
    it = Embedder(str(folder()))
    it.start()
    yield it
    it.close()


@pytest.fixture(scope="module")
def asking(embedder):
    return labels.asking(embedder)


def test_to_an_embedding_an_opposite_may_be_nearer_than_a_paraphrase(embedder):
    key = "The roots take up water"
    opposite, paraphrase = embedder.similarity([(key, "The roots release water"), (key, "The roots absorb water")])
    assert opposite > paraphrase


def test_labels_are_two_thirds_negative_and_say_a_thing_once():
    for which, keys in (("first", 80), ("second", 60), ("last", 40)):
        pairs = labels.paraphrases(which)
        assert (len(pairs), sum(stated for *_, stated in pairs)) == (3 * keys, keys)
        assert len({(steps, text) for steps, _, text, _ in pairs}) == 3 * keys


@pytest.mark.parametrize(("which", "more", "falser"), [("first", 6, 0), ("second", 15, 2), ("last", 4, 0)])
def test_semantic_finds_more_paraphrases(asking, which, more, falser):
    pairs = labels.paraphrases(which)
    found, false = labels.right(pairs, HARDENED, labels.match)
    with_embedder = labels.right(pairs, SEMANTIC, asking)
    assert with_embedder[0] >= found + more
    assert with_embedder[1] <= false + falser


def test_semantic_takes_no_trap_that_hardened_does_not(asking):
    for pairs in (labels.traps(), labels.blind()):
        assert labels.right(pairs, SEMANTIC, asking) == labels.right(pairs, HARDENED, labels.match)


def test_neither_the_gates_nor_the_cosine_alone_would_do(asking):
    pairs = labels.paraphrases("first") + labels.paraphrases("second")
    _, false = labels.right(pairs, SEMANTIC, asking)
    assert labels.right(pairs, SEMANTIC.but(semantic_threshold=0.0), asking)[1] > false + 20
    with patched(*OPEN_GATES):
        assert labels.right(pairs, SEMANTIC, asking)[1] > false


@pytest.mark.parametrize("name", WITHOUT)
def test_every_part_that_is_taken_out_for_measuring_is_there(name):
    with patched(*WITHOUT[name]):
        found = labels.match(labels.prepare(labels.traps()[0][0]), "The rope is 5 cm long.", [(0, 22)], HARDENED)
    assert len(found.matches) == 1
