"""OpenVINO beside torch, over the real all-MiniLM-L6-v2: the same vectors but for their last bits, and the same way with them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ablation import labels
from keystep.errors import ComponentError
from keystep.models.embedder import Embedder, SentenceModel
from keystep.recipe import SEMANTIC
from models.minilm import folder
from models.test_embedder import TEXTS


@pytest.fixture(scope="module")
def both():
    made = [Embedder(str(folder()), backend=backend) for backend in ("torch", "openvino")]
    for embedder in made:
        embedder.start()
    yield made
    for embedder in made:
        embedder.close()


def test_vectors_agree_to_their_last_bits(both):
    torch_rows, openvino_rows = (np.array(e.embed(TEXTS)) for e in both)
    assert np.abs(torch_rows - openvino_rows).max() < 1e-6
    assert openvino_rows.dtype == np.float32


def test_a_row_is_its_own_not_the_buffer_of_the_next(both):
    (first,) = both[1].embed(["the red ball"])
    before = first.copy()
    both[1].embed(["quite another text of another length"])
    assert (first == before).all()


def test_the_same_labels_are_judged_the_same(both):
    pairs = labels.paraphrases("second") + labels.paraphrases("last")
    assert labels.right(pairs, SEMANTIC, labels.asking(both[0])) == labels.right(pairs, SEMANTIC, labels.asking(both[1]))


def test_its_rows_too_do_not_depend_on_their_neighbours():
    assert SentenceModel(str(folder()), 1, backend="openvino")._together


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ComponentError, match=r"keystep\[embed,openvino\]"):
        Embedder(str(folder()), backend="openvino").start()
