"""What a request cannot do: have something fetched, have something run, or read a secret."""

from __future__ import annotations

import ast
import socket
import threading
from pathlib import Path

import httpx2

from keystep.settings import Settings
from running import running

SOURCE = Path(__file__).parents[2] / "service" / "keystep"
# What would make code of data.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "code"}
CALLS = {"eval", "exec", "compile", "__import__"}


def faults(tree: ast.AST):
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if MODULES & {n.name.partition(".")[0] for n in names}:
                yield node.lineno, "imports what unpickles"
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield node.lineno, "imports what unpickles"
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield node.lineno, f"calls {name}"
            case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="torch"))):
                yield node.lineno, "torch.load unpickles"
            case ast.Call(keywords=keywords) if any(
                k.arg in {"shell", "trust_remote_code"} and not (isinstance(k.value, ast.Constant) and k.value.value is False)
                for k in keywords
            ):
                yield node.lineno, "runs a shell or foreign code"


# What whoever runs it asked for, and no request can (docs/security.md).
ASKED_FOR = {
    "models/checkpoints.py: runs a shell or foreign code",  # a model of the deployment's own file, whose entry says remote_code
    "batch/on_ray.py: imports what unpickles",  # between Ray's processes, which pickle all they say to each other
}


def test_the_service_neither_unpickles_nor_evaluates():
    found = {f"{path.relative_to(SOURCE)}: {what}" for path in SOURCE.rglob("*.py") for _, what in faults(ast.parse(path.read_text()))}
    assert found == ASKED_FOR


def test_that_test_would_see_it():
    seen = "import pickle\nfrom dill import loads\neval(x)\ntorch.load(p)\nrun(c, shell=True)\nModel(n, trust_remote_code=flag)\n"
    assert len(list(faults(ast.parse(seen)))) == 6


def test_no_address_of_a_request_is_opened(tmp_path):
    """A listener that nobody may knock at is named in every field that takes a text."""
    knocks = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"

        def watch():
            while True:
                try:
                    connection, address = trap.accept()
                except OSError:
                    return
                knocks.append(address)
                connection.close()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        question = {"question": f"See {url}", "answer": url, "images": [url, Path(__file__).as_uri(), "data:image/png;base64,xx"]}
        rollouts = [{"id": "r", "text": f"![]({url}) The answer is {url}"}]
        with running(tmp_path, processes=1, verifier_workers=1) as service:
            group = {"id": "q", "reference": f"Look at {url}. So {url} it is.", "rollouts": rollouts, **question}
            assert service.post("/v1/score", {"groups": [group], "detail": "evidence"}).status_code == 200
            keyed = {"id": "q", "question": url, "reference": f"1 + 1 = 2, see {url}", "images": [url]}
            assert service.post("/v1/key-steps", {"questions": [keyed]}).status_code == 200
            item = {"id": "i", "question": url, "text": f"The answer is {url}", "answer": url}
            assert service.post("/v1/verify", {"items": [item]}).status_code == 200
            assert service.post("/get_reward", {"query": [url], "prompts": [url], "labels": [url]}).status_code == 200
        assert knocks == []
        with socket.create_connection(trap.getsockname(), timeout=30) as raw:
            raw.recv(1)  # until the trap has closed it: it works
            ours = raw.getsockname()
        trap.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert knocks == [ours]


def test_secrets_are_masked_in_a_dump_of_the_settings():
    settings = Settings(redis_url="redis://:hush@host/0", llm_url="http://host/v1", llm_model="m", llm_api_key="hush")
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_pages_run_their_own_files_only_and_nothing_is_sniffed(service):
    page = httpx2.get(f"{service.url}/docs")
    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"].startswith("text/html")
    for said in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert said in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    for answer in (page, service.get("/livez"), service.get("/nowhere"), service.post("/v1/score", {}), service.get("/v1/recipes")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_the_page_of_documentation_needs_nothing_that_its_policy_forbids(service):
    page = service.get("/docs").text
    addresses = [part.split('"')[0] for mark in ('src="', 'href="') for part in page.split(mark)[1:]]
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert service.get(address).status_code == 200
