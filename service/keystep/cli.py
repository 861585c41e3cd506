"""The command line: keystep serve, keystep score."""

from __future__ import annotations

from cyclopts import App

from keystep import __version__
from keystep.http.serve import serve as run_service
from keystep.settings import Settings

app = App(name="keystep", version=__version__, help="Step-wise rewards for multimodal reasoners.")


@app.command
def serve() -> None:
    """Run the service. Settings are KEYSTEP_* environment variables (docs/settings.md)."""
    run_service(Settings())


def main() -> None:
    app()
