"""What is kept aside: OUT.bad.jsonl, {"line", "reason", "text"} each."""

from __future__ import annotations

from pathlib import Path

import orjson

from keystep.batch.rows import BadLine


class Aside:
    """Written anew by each run. There is no such file when nothing is bad."""

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(out.name + ".bad.jsonl")
        self.path.unlink(missing_ok=True)
        self.count = 0

    def add(self, bad: list[BadLine]) -> None:
        if bad:
            with self.path.open("ab") as file:
                file.writelines(orjson.dumps({"line": b.number, "reason": b.reason, "text": b.text}) + b"\n" for b in bad)
            self.count += len(bad)
