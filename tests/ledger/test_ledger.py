"""What is recorded: nothing that was acknowledged is lost, whatever ends the service; nothing is recorded twice; a full disk stops only the ledger."""

from __future__ import annotations

import json
import resource
import signal
import stat
import subprocess
import sys
import threading
import time

import httpx2
import pytest

from keystep.errors import InputError
from keystep.ledger import Entry, Ledger, segments, writer
from keystep.ledger.query import query
from keystep.nouns import Group, Question, Reason, Rollout
from keystep.recipe import HARDENED, OFFICIAL, RECIPES, resolve
from keystep.scoring import none_of
from running import running

TEXT = "### Image Description:\nA rope — ein Seil, 밧줄 😀.\n\n### Rationales:\nHalve it.\n\n### Step 1:\n12 / 2 = 6\n\n### The final answer is: 6"


def group(id_, *texts, **fields):
    rollouts = [{"id": f"{id_}/{i}", "text": text} for i, text in enumerate(texts or (TEXT, "It is 5."))]
    return {
        "id": id_,
        "question": "Half of 12?",
        "answer": "6",
        "key_steps": [["12 / 2 = 6", "half of 12 is 6"]],
        "rollouts": rollouts,
        **fields,
    }


def entry(id_, text="x"):
    given = Group(Question(id_), (Rollout(f"{id_}/0", text),))
    return Entry(given, none_of(given, Reason.DEADLINE), HARDENED, 1.0)


def ids(folder):
    return [row["group_id"] for row in segments.read(folder)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A service that records, and its ledger's folder."""
    folder = tmp_path_factory.mktemp("recording") / "ledger"
    with running(folder.parent, processes=1, verifier_workers=1, ledger_path=folder, ledger_sync=True) as service:
        yield service, folder


def test_what_is_answered_is_recorded_with_texts_hashes_and_recipe(recording):
    service, folder = recording
    body = {"recipe": {"base": "paper", "alpha": 0.2}, "groups": [group("whole", precision=0, images=["data:image/png;base64,xx"])]}
    told = service.post("/v1/score", body).json()
    (row,) = [r for r in segments.read(folder) if r["group_id"] == "whole"]
    answered = told["groups"][0]
    assert (row["recipe"], row["recipe_hash"]) == (told["recipe"]["name"], told["recipe"]["hash"])
    assert resolve(json.loads(row["recipe_spec"])).hash == row["recipe_hash"]
    assert [r["text"] for r in row["rollouts"]] == [TEXT, "It is 5."]
    for name in ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "reasons", "flags"):
        assert [r[name] for r in row["rollouts"]] == [r[name] for r in answered["rollouts"]], name
    assert [r["advantage"] for r in row["rollouts"]] == answered["advantages"]
    assert (row["chosen"], row["margin"]) == (answered["pair"]["chosen"], answered["pair"]["margin"])
    assert row["seconds"] > 0
    assert row["at"] == pytest.approx(time.time(), abs=60)
    assert "images" not in row
    assert len(row["image_hashes"][0]) == 64


def test_streams_jobs_and_trainers_are_recorded_too_and_looking_is_not(recording):
    service, folder = recording
    service.post("/v1/score/stream", {"groups": [group("streamed")]}).raise_for_status()
    job = service.post("/v1/jobs", {"groups": [group("job")]}).json()
    assert service.get(f"/v1/jobs/{job['id']}?wait=30").json()["status"] == "done"
    service.post("/get_reward", {"query": ["Half of 12? It is 6."], "prompts": ["Half of 12?"], "labels": ["6"]}).raise_for_status()
    service.post("/page/score", {"groups": [group("looked-at")]}).raise_for_status()
    recorded = ids(folder)
    assert {"streamed", "job", "0"} <= set(recorded)
    assert "looked-at" not in recorded


def test_sql_over_what_is_being_written(recording):
    service, folder = recording
    service.post("/v1/score", {"groups": [group("sql")]}).raise_for_status()
    found = query(folder, "SELECT rollout_id, reward, precision, reference_texts FROM rollouts WHERE group_id = 'sql' ORDER BY reward DESC")
    assert [row[0] for row in found.fetchall()] == ["sql/0", "sql/1"]
    assert "keystep_ledger_stopped 0.0" in service.get("/metrics").text
    with pytest.raises(InputError, match="views rollouts and groups"):
        query(folder, "SELECT nothing FROM nowhere")


def test_the_command_prints_rows(recording):
    service, folder = recording
    service.post("/v1/score", {"groups": [group("command")]}).raise_for_status()
    sql = "SELECT rollout_id, outcome FROM rollouts WHERE group_id = 'command' ORDER BY 1"
    run = [sys.executable, "-m", "keystep", "ledger", "query", sql, "--ledger", str(folder)]
    told = subprocess.run([*run, "--format", "jsonl"], capture_output=True, text=True, check=True).stdout
    assert [json.loads(line) for line in told.splitlines()] == [
        {"rollout_id": "command/0", "outcome": 1.0},
        {"rollout_id": "command/1", "outcome": 0.0},
    ]


def test_its_files_are_for_its_user_alone(recording):
    _, folder = recording
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path):
    folder = tmp_path / "ledger"
    acknowledged = []

    def ask(url, worker):
        with httpx2.Client(timeout=30) as client:
            for n in range(100_000):
                try:
                    told = client.post(f"{url}/v1/score", json={"groups": [group(f"{worker}-{n}")]}).json()
                except (httpx2.TransportError, ValueError):
                    return
                acknowledged.append((told["groups"][0]["id"], [r["reward"] for r in told["groups"][0]["rollouts"]]))

    with running(tmp_path, processes=1, verifier_workers=1, ledger_path=folder, ledger_sync=True) as service:
        workers = [threading.Thread(target=ask, args=(service.url, n)) for n in range(6)]
        for worker in workers:
            worker.start()
        while len(acknowledged) < 150:
            time.sleep(0.01)
        service.process.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.join()
    with (next(iter(folder.glob("*.jsonl")))).open("ab") as torn:
        torn.write(b'{"group_id": "half a li')

    def recorded():
        return {row["group_id"]: [r["reward"] for r in row["rollouts"]] for row in segments.read(folder)}

    assert len(acknowledged) >= 150
    assert dict(acknowledged).items() <= recorded().items()
    # The next start compacts what was left, and each entry still stands there once.
    with running(tmp_path, processes=1, verifier_workers=1, ledger_path=folder) as service:
        for _ in range(100):
            if list(folder.glob("*.parquet")):
                break
            time.sleep(0.1)
    assert list(folder.glob("*.parquet"))
    assert dict(acknowledged).items() <= recorded().items()
    assert len(ids(folder)) == len(set(ids(folder)))


def test_a_full_disk_stops_the_ledger_and_not_the_service(tmp_path):
    folder = tmp_path / "ledger"
    with running(tmp_path, processes=1, verifier_workers=1, ledger_path=folder, ledger_sync=True) as service:
        assert service.post("/v1/score", {"groups": [group("before")]}).json()["degraded"] == []
        # The system's own refusal to make a file longer, as of a full disk.
        _, most = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (1024, most))
        full = service.post("/v1/score", {"groups": [group("full")]}).json()
        assert full["degraded"] == ["ledger"]
        assert full["groups"][0]["rollouts"][0]["reward"] == 2.1
        figures = service.get("/metrics").text
        assert 'keystep_ledger_rollouts_total{status="lost"} 2.0' in figures
        assert "keystep_ledger_stopped 1.0" in figures
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (most, most))
        time.sleep(writer._RETRY_SECONDS + 0.2)
        assert service.post("/v1/score", {"groups": [group("after")]}).json()["degraded"] == []
    assert set(ids(folder)) == {"before", "after"}


def test_logs_rotate_into_parquet_with_the_same_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_SEGMENT_BYTES", 2000)
    it = Ledger(tmp_path, sync=False)
    done = []
    for n in range(40):
        done.append(it.append([entry(str(n), "text é 😀\n\u2028" * 20)]))
        done[-1].result(10)
    it.close()
    segments.compact(tmp_path)  # as the next start does
    assert all(f.result() for f in done)
    assert not list(tmp_path.glob("*.part"))
    assert len(list(tmp_path.glob("*.parquet"))) > 5
    assert ids(tmp_path) == [str(n) for n in range(40)]
    assert next(iter(segments.read(tmp_path)))["rollouts"][0]["text"] == "text é 😀\n\u2028" * 20
    assert it.written == 40


def test_a_log_and_its_parquet_count_once(tmp_path):
    """Killed between the two names: the log stands beside what it became."""
    it = Ledger(tmp_path, sync=True)
    assert it.append([entry("a"), entry("b")]).result(10)
    it.close()
    (log,) = tmp_path.glob("*.jsonl")
    content = log.read_bytes()
    segments.compact(tmp_path)
    log.write_bytes(content)
    assert ids(tmp_path) == ["a", "b"]
    segments.compact(tmp_path)
    assert not log.exists()
    assert ids(tmp_path) == ["a", "b"]


def test_a_log_that_is_held_is_left_alone(tmp_path):
    it = Ledger(tmp_path, sync=True)
    assert it.append([entry("a")]).result(10)
    segments.compact(tmp_path)
    assert list(tmp_path.glob("*.jsonl"))
    it.close()


def test_what_waits_for_a_slow_disk_is_bounded_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_WAITING", 100)
    it = Ledger(tmp_path, sync=False)
    held = threading.Event()
    monkeypatch.setattr(writer, "line", lambda e: (held.wait(10), b"{}\n")[1])
    first = it.append([entry("a", "x" * 90)])
    time.sleep(0.1)
    waiting = it.append([entry("b", "x" * 90)])
    lost = it.append([entry("c", "x" * 90)])
    assert lost.result(0) is False
    held.set()
    assert first.result(10)
    assert waiting.result(10)
    it.close()
    assert (it.written, it.lost) == (2, 1)


def test_what_cannot_be_written_down_is_lost_alone(tmp_path):
    it = Ledger(tmp_path, sync=True)
    assert it.append([entry("bad", "a lone surrogate \ud800")]).result(10) is False
    assert it.append([entry("good")]).result(10) is True
    it.close()
    assert ids(tmp_path) == ["good"]
    assert (it.written, it.lost) == (1, 1)


def test_reading_while_a_log_becomes_parquet(tmp_path, monkeypatch):
    """It was a log when the folder was listed."""
    it = Ledger(tmp_path, sync=True)
    assert it.append([entry("a")]).result(10)
    it.close()
    listed = segments.paths(tmp_path)
    segments.compact(tmp_path)
    monkeypatch.setattr(segments, "paths", lambda _: listed)
    assert ids(tmp_path) == ["a"]
    assert query(tmp_path, "SELECT count(*) FROM rollouts").fetchall() == [(1,)]


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="KEYSTEP_LEDGER_PATH"):
        Ledger(tmp_path / "file", sync=False)


@pytest.mark.parametrize("recipe", [*RECIPES.values(), HARDENED.but(alpha=0.3), OFFICIAL.but(weight_outcome=1)], ids=lambda r: r.name)
def test_a_recipes_spec_makes_it_again(recipe):
    assert resolve(recipe.spec).hash == recipe.hash
