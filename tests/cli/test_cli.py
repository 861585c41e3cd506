"""The command as a person meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from keystep.cli import main
from running import Service

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "clients/examples/groups.jsonl"


def keystep(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keystep", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | environment,
        timeout=120,
    )


def test_help_teaches_with_an_example() -> None:
    whole, score, serve = keystep("--help"), keystep("score", "--help"), keystep("serve", "--help")
    assert (whole.returncode, score.returncode, serve.returncode) == (0, 0, 0)
    assert "serve" in whole.stdout
    assert "score" in whole.stdout
    assert "Example: keystep score rollouts.jsonl -o rewards.jsonl" in score.stdout
    assert "Example: keystep serve --port 8000" in serve.stdout


def test_version() -> None:
    assert keystep("--version").stdout == "0.1.0\n"


def test_score_writes_rewards_and_a_closing_table(tmp_path: Path, service: Service) -> None:
    done = keystep("score", str(EXAMPLES), "-o", "out.jsonl", "--url", service.url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "200 rollouts of 50 groups" in done.stdout
    assert all(word in done.stdout for word in ("step_rar", "step_rvr", "outcome", "zero-variance groups: ", "undecided: ", "flags: "))
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 50
    assert {p.name for p in tmp_path.iterdir()} == {"out.jsonl", "out.jsonl.job.json"}


def test_bad_lines_are_exit_status_1_and_said_in_one_line(tmp_path: Path, service: Service) -> None:
    (tmp_path / "in.jsonl").write_bytes(EXAMPLES.read_bytes().splitlines(keepends=True)[0] + b"oops\n")
    done = keystep("score", "in.jsonl", "-o", "out.jsonl", "--url", service.url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "keystep: 1 lines could not be scored; out.jsonl.bad.jsonl says why\n")


def test_a_recipe_may_be_json(tmp_path: Path, service: Service) -> None:
    recipe = '{"base": "hardened", "alpha": 0.3}'
    assert keystep("score", str(EXAMPLES), "-o", "out.jsonl", "--url", service.url, "--recipe", recipe, cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "out.jsonl.job.json").read_text())["recipe"] == "hardened(alpha=0.3)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["score"], "IN"),
        (["scor"], 'Did you mean "score"'),
        (["score", "in.jsonl"], "--out"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--batch", "many"], "--batch"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--batch", "0"], "at least 1"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--detail", "all"], "evidence"),
        (["score", "none.jsonl", "-o", "out.jsonl"], "cannot read none.jsonl"),
        (["score", ".", "-o", "out.jsonl"], "cannot read ."),
        (["score", "in.jsonl", "-o", "no/out.jsonl"], "a folder that exists"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--recipe", "best"], "use one of hardened"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--recipe", "{"], "not JSON"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--recipe", '{"alpha": 1}'], '"base"'),
        (["score", "in.jsonl", "-o", "out.jsonl", "--format", "csv"], "use one of r1vl"),
        (["score", "in.jsonl", "-o", "out.jsonl", "--url", "localhost:1"], "give it like http://127.0.0.1:8000"),
        (["score", "in.jsonl", "-o", "in.jsonl"], "give another -o"),
        (["serve", "--port", "99999"], "--port"),
    ],
)
def test_errors_are_one_line_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_bytes(EXAMPLES.read_bytes())
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("keystep: ")
    assert told.err.count("\n") == 1
    assert says in told.err
    assert Path("in.jsonl").read_bytes() == EXAMPLES.read_bytes()


def test_a_bad_setting_is_named() -> None:
    done = keystep("serve", KEYSTEP_THREADS="0")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "KEYSTEP_THREADS is '0'" in done.stderr


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    groups = [json.loads(line) for line in EXAMPLES.read_text("utf-8").splitlines()]
    many = [group | {"id": f"{copy}: {group['id']}"} for copy in range(100) for group in groups]  # more than is done before the signal
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(group) + "\n" for group in many), "utf-8")
    command = [sys.executable, "-m", "keystep", "score", "in.jsonl", "-o", "out.jsonl", "--batch", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out.jsonl").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "keystep: stopped; run the same command again to go on\n")


def test_a_base_install_says_what_to_install(tmp_path: Path) -> None:
    # A base install: what pyproject.toml names without extras, and what that needs; nothing else of site-packages.
    for name in sorted(_closure(["pydantic", "httpx2", "stamina"])):
        for file in distribution(name).files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not (tmp_path / top).exists():
                (tmp_path / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    code = (
        f"import sys; sys.path += [{str(tmp_path)!r}, {str(ROOT / 'service')!r}, {str(ROOT / 'clients')!r}]\n"
        "import keystep_client, keystep.cli\nkeystep.cli.main(['score', 'a', '-o', 'b'])"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "keystep: cyclopts is not installed; pip install 'keystep[server]'\n")


def _closure(names: list[str]) -> set[str]:
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            for line in distribution(name).requires or ():
                need = Requirement(line)
                if need.marker is None or need.marker.evaluate({"extra": ""}):
                    names.append(need.name)
    return found


def test_a_benchmarks_own_figures_are_printed(tmp_path: Path) -> None:
    groups = [
        {"id": f"count/{image}/{n}", "question": "Is there a ball?", "answer": gold, "rollouts": [{"id": "r", "text": text}]}
        for image, n, gold, text in (
            ("1.png", 0, "Yes", "Yes."),
            ("1.png", 1, "No", "No, there is none."),
            ("2.png", 0, "Yes", "Yes"),
            ("2.png", 1, "No", "Yes"),
        )
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(g) for g in groups))
    done = keystep("score", "in.jsonl", "-o", "out.jsonl", "--profile", "mme", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mme: accuracy 75.00, accuracy+ 50.00, score 125.00" in done.stdout
    unknown = keystep("score", "in.jsonl", "-o", "other.jsonl", "--profile", "best", cwd=tmp_path)
    assert (unknown.returncode, "hallusionbench" in unknown.stderr) == (2, True)
