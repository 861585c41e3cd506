"""The `keystep` command. Here only what works in a base install; the commands themselves are in commands/."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """arguments: those of the process when None. Errors are one line with the mend and exit status 2."""
    try:
        from keystep.commands import execute

        status = execute(sys.argv[1:] if arguments is None else list(arguments))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "keystep":
            raise
        print(f"keystep: {error.name} is not installed; pip install 'keystep[server]'", file=sys.stderr)
        status = 2
    sys.exit(status)
