"""The embedder over the real all-MiniLM-L6-v2."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from keystep.errors import ComponentError
from keystep.models.embedder import PAD, Embedder, SentenceModel
from keystep.nouns import Reason
from models.minilm import folder

# Of 2 to 60 words.
TEXTS = [f"{i} " + "the red ball lies left of the cube " * (i // 15) + "so it is nearer"[: 3 * (i % 6)] for i in range(100)]


@pytest.fixture(scope="module")
def embedder():
    it = Embedder(str(folder()), threads=1)
    it.start()
    yield it
    it.close()


@pytest.fixture(scope="module")
def model():
    return SentenceModel(str(folder()), threads=1)


def test_rows_are_unit_vectors_in_float32(embedder):
    rows = embedder.embed(TEXTS)
    assert {(row.shape, str(row.dtype)) for row in rows} == {((384,), "float32")}
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_vectors_are_those_of_the_librarys_own_encode(embedder, model):
    own = model._model.encode(TEXTS, show_progress_bar=False)
    assert np.allclose(embedder.embed(TEXTS), own, atol=1e-6)


def test_the_weights_mean_something(embedder):
    eating = "A man is eating food."
    near, far = embedder.similarity([(eating, "A man is eating a piece of bread."), (eating, "A cheetah chases its prey.")])
    assert near > 0.7
    assert far < 0.2


def test_a_texts_vector_is_bit_for_bit_the_same_in_any_company(embedder):
    alone = {text: embedder.embed([text])[0].tobytes() for text in TEXTS}
    rng = random.Random(3)
    samples = [rng.sample(TEXTS, rng.randint(2, 60)) for _ in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for texts, rows in zip(samples, pool.map(embedder.embed, samples), strict=True):
            assert [row.tobytes() for row in rows] == [alone[text] for text in texts]


def test_padding_is_by_need_not_by_the_tokenizer_files_128(model):
    assert model.lengths(["red", "the red ball lies left of the cube"]) == [PAD, 2 * PAD]
    assert model.lengths(["word " * 5000]) == [256]


def test_where_neighbours_show_every_text_runs_alone(monkeypatch, model):
    texts = sorted(TEXTS[::12], key=len)
    monkeypatch.setattr(SentenceModel, "_is_bitwise_stable", lambda _: False)
    cautious = SentenceModel(str(folder()), threads=1)
    shapes = []
    forward = cautious._forward
    monkeypatch.setattr(cautious, "_forward", lambda texts: shapes.append(len(texts)) or forward(texts))
    rows = cautious.run(texts)
    assert shapes == [1] * len(texts)
    assert [row.tobytes() for row in rows] == [row.tobytes() for row in model.run(texts)]


def test_any_text_has_a_vector(embedder):
    odd = ["", " ", "\x00", "\ud800", "\u202e", "👨‍👩‍👧", "9" * 5000, "ß\r\n", "[PAD]", "[MASK] [SEP]"]
    assert all(np.isfinite(row).all() for row in embedder.embed(odd))


def test_similarity_is_the_cosine_of_each_pair(embedder):
    pairs = [(TEXTS[0], TEXTS[5]), (TEXTS[5], TEXTS[0]), (TEXTS[7], TEXTS[7])]
    a, b, same = embedder.similarity(pairs)
    x, y = embedder.embed([TEXTS[0], TEXTS[5]])
    assert a == b == round(float(x @ y), 4)
    assert same == pytest.approx(1, abs=1e-6)
    assert embedder.similarity([]) == []


def test_weights_under_a_known_name_must_be_those(tmp_path):
    name = "sentence-transformers/all-MiniLM-L6-v2"
    right = Embedder(name, folder=folder())
    right.start()
    right.close()
    changed = SentenceTransformer(str(folder()), device="cpu")
    with torch.no_grad():
        next(changed.parameters())[0, 0] += 1e-3
    changed.save(str(tmp_path))
    with pytest.raises(ComponentError, match="holds other weights than the model that recipes mean") as caught:
        Embedder(name, folder=tmp_path).start()
    assert caught.value.reason == Reason.MODEL_UNAVAILABLE
    mine = Embedder(str(tmp_path))
    mine.start()
    mine.close()


def test_a_model_that_is_not_there_is_a_named_failure(tmp_path):
    with pytest.raises(ComponentError, match="cannot be loaded") as caught:
        Embedder(str(tmp_path / "nothing")).start()
    assert caught.value.reason == Reason.MODEL_UNAVAILABLE


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ComponentError, match=r"keystep\[embed\]") as caught:
        Embedder("any").start()
    assert caught.value.reason == Reason.MODEL_UNAVAILABLE


def test_importing_it_imports_nothing_heavy():
    code = "import sys, keystep.models.embedder; print([m for m in ('torch', 'transformers', 'sentence_transformers', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
