"""`keystep serve` in which the monitor and the metrics of groups raise. Everything else is as it is."""

from __future__ import annotations

from typing import Any

from keystep.http.monitor import Monitor
from keystep.http.serve import serve
from keystep.metrics import Metrics
from keystep.settings import Settings


def broken(*_: Any) -> None:
    raise ValueError("a defect of who watches")


if __name__ == "__main__":
    Monitor.saw = broken  # type: ignore[method-assign]
    Metrics.saw_groups = broken  # type: ignore[method-assign]
    serve(Settings())
