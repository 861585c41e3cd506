"""The columns of the ledger, of log and Parquet alike: a row a group, its rollouts within."""

from __future__ import annotations

import pyarrow as pa

_TEXTS = pa.list_(pa.string())
_ROLLOUT = pa.struct(
    [
        ("rollout_id", pa.string()),
        ("text", pa.string()),
        ("text_hash", pa.string()),
        ("truncated", pa.bool_()),
        *((name, pa.float64()) for name in ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft")),
        ("advantage", pa.float64()),
        ("read_answer", pa.string()),
        ("status", pa.string()),
        ("reasons", _TEXTS),
        ("flags", _TEXTS),
        ("extras", pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))),
    ]
)
SCHEMA = pa.schema(
    [
        ("at", pa.float64()),  # seconds since the epoch, when it was scored
        ("seconds", pa.float64()),  # from the request's arrival; null for jobs
        ("request", pa.string()),  # X-Request-ID; null for jobs
        ("service", pa.string()),
        ("recipe", pa.string()),
        ("recipe_hash", pa.string()),
        ("recipe_spec", pa.string()),  # JSON: what POST /v1/score takes
        ("group_id", pa.string()),
        ("question_hash", pa.string()),
        ("question", pa.string()),
        ("reference_texts", _TEXTS),
        ("key_steps", pa.list_(_TEXTS)),
        ("answer", pa.string()),
        ("choices", _TEXTS),
        ("answer_type", pa.string()),
        ("precision", pa.int64()),
        ("profile", pa.string()),
        ("image_hashes", _TEXTS),
        ("mean", pa.float64()),
        ("std", pa.float64()),
        ("zero_variance", pa.bool_()),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("margin", pa.float64()),
        ("rollouts", pa.list_(_ROLLOUT)),
    ]
)
