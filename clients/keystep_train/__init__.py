"""Training against keystep. So far the losses only: log-probabilities in ``logprobs``, objectives in ``objectives``. Needs torch."""
