"""What extras of pyproject.toml need, a line each, so that an image installs it in a layer before the code.

python requirements.py server,embed
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
offered = project["optional-dependencies"]
asked = [name for name in sys.argv[1].split(",") if name]
if unknown := [name for name in asked if name not in offered]:
    sys.exit(f"EXTRAS names {', '.join(unknown)}; pyproject.toml has {', '.join(offered)}")
print(*project["dependencies"], *(line for name in asked for line in offered[name]), sep="\n")
