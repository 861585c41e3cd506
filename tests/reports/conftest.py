from __future__ import annotations

import pytest

from keystep.commands import execute


@pytest.fixture
def keystep(monkeypatch, capsys):
    """The command, with few scoring processes: what it prints, or what it says where it fails."""
    for name, value in {"processes": 1, "verifier_workers": 1, "cache_path": ""}.items():
        monkeypatch.setenv(f"KEYSTEP_{name.upper()}", str(value))

    def run(*arguments, status=0):
        done = execute([str(argument) for argument in arguments])
        told = capsys.readouterr()
        assert done == status, told.err
        return told.err if status == 2 else told.out

    return run
