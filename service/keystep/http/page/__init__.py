"""The pages: the inspector at /, the monitor at /monitor, and what they ask of the service under /page/.

No build chain and no outside asset: the files beside this one are served as they are, and the content security policy lets a
page load and run nothing else.
"""

from __future__ import annotations

from pathlib import Path

import orjson
from fastapi import FastAPI, Request, Response

from keystep.http.admission import Admission
from keystep.http.problems import problem
from keystep.http.scoring import Scoring

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Browsers ask each time: a page and its scripts are of one version.
_FRESH = {"cache-control": "no-cache"}


def install(app: FastAPI, admission: Admission, scoring: Scoring) -> None:
    files = {f.name: f.read_bytes() for f in Path(__file__).parent.iterdir() if f.suffix in _TYPES}

    def told(name: str) -> Response:
        return Response(files[name], media_type=_TYPES[Path(name).suffix], headers=_FRESH)

    @app.get("/", include_in_schema=False)
    async def inspector() -> Response:
        return told("inspector.html")

    @app.get("/monitor", include_in_schema=False)
    async def monitor() -> Response:
        return told("monitor.html")

    @app.get("/page/monitor", include_in_schema=False)
    async def monitored() -> Response:
        return _json(scoring.watch.monitored())

    @app.get("/page/recent", include_in_schema=False)
    async def recent() -> Response:
        return _json(scoring.watch.recent.listed())

    @app.get("/page/rollout", include_in_schema=False)
    async def rollout(group: str, id: str) -> Response:  # noqa: A002 - as the address has it
        found = scoring.watch.recent.with_rollout(group, id)
        return problem(404, "this rollout is no longer kept among the recent batches") if found is None else _json(found)

    @app.get("/page/recent/{id_}", include_in_schema=False)
    async def batch(id_: str) -> Response:
        found = scoring.watch.recent.find(id_)
        return problem(404, "this batch is no longer kept; pick another") if found is None else _json(found)

    @app.post("/page/score", include_in_schema=False)
    async def score(request: Request) -> Response:
        """As /v1/score, and nothing remembers it: who looks at rollouts changes no figure."""
        admission.check_open()
        async with admission.body(request) as body:
            return Response(await scoring.score(body, watched=False), media_type="application/json")

    @app.get("/page/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        return told(name) if name in files and not name.endswith(".html") else problem(404, f"there is no file {name[:80]!r}")


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
