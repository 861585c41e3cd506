"""AUROC of k against is_correct over GSM8K model solutions, through POST /v1/score (MATCHING.md's protocol)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keystep_client import Client
from matching_eval import FRAME, MODELS, auroc, items

# Published beside the protocol; hard k unless said.
BASELINES = {
    "exact": (0.664, 0.609),
    "no-space exact": (0.793, 0.697),
    "canonical + inlining, soft": (0.939, 0.853),
    "gated hybrid": (0.928, 0.844),
    "gated hybrid, soft": (0.948, 0.862),
}
_BATCH = 64


def aurocs_over_http(client: Client, shared: Path, recipe: str) -> Iterator[tuple[str, float, float]]:
    """(which k, AUROC, AUROC with the final key step removed) for hard and soft k.

    A question of one calculation has no key step left once that is removed; it is left out of the second figure.
    """
    rows = items(shared)
    more = [row for row in rows if len(row.calculations) > 1]
    whole, cut = _ks(client, rows, recipe, final=True), _ks(client, more, recipe, final=False)
    for i, name in enumerate(("hard", "soft")):
        yield (
            name,
            auroc([k[i] for k in whole], [row.right for row in rows]),
            auroc([k[i] for k in cut], [row.right for row in more]),
        )


def _ks(client: Client, rows: list, recipe: str, *, final: bool) -> list[tuple[float, float]]:
    groups = []
    for n, four in enumerate(_batched(rows, len(MODELS))):
        key_steps = list(four[0].calculations if final else four[0].calculations[:-1])
        rollouts = [{"id": str(i), "text": FRAME.format(row.solution)} for i, row in enumerate(four)]
        groups.append({"id": str(n), "question": four[0].question, "key_steps": key_steps, "rollouts": rollouts})
    out = []
    for i in range(0, len(groups), _BATCH):
        for group in client.score(groups[i : i + _BATCH], recipe=recipe).groups:
            out += [(rollout.key_steps_matched, rollout.key_steps_soft) for rollout in group.rollouts]
    return out


def _batched(rows: list, size: int) -> Iterator[list]:
    for i in range(0, len(rows), size):
        yield rows[i : i + size]
