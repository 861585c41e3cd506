"""The `keystep-train` command. Here only what works without the extra; the commands themselves are in commands.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """arguments: those of the process when None. Errors are one line with the mend and exit status 2."""
    try:
        from keystep_train.commands import execute

        status = execute(sys.argv[1:] if arguments is None else list(arguments))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "keystep_train":
            raise
        print(f"keystep-train: {error.name} is not installed; pip install 'keystep[train]'", file=sys.stderr)
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()
