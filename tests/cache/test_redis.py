"""What is Redis's own: how it is reached, and what becomes of it when it fails."""

from __future__ import annotations

import contextlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from keystep.cache.circuit import Circuit
from keystep.cache.redis import RedisCache
from keystep.errors import CacheError
from redis_server import free_port, redis_sentinel, running_redis
from tcp_proxy import proxy_to


def works(url: str) -> bool:
    cache = RedisCache(url, ttl=60, timeout=5)
    cache.put_many({"k": "v"})
    assert cache.get_many(["k", "l"]) == {"k": "v"}
    assert cache.claim(["k"], "me", seconds=5) == {"k"}
    cache.release(["k"], "me")
    cache.close()
    return True


def test_a_password_and_a_user(tmp_path):
    with running_redis(tmp_path, "--requirepass", "s3cret:/@") as server:
        address = server.url.removeprefix("redis://")
        assert works(f"redis://:s3cret%3A%2F%40@{address}")
        with redis.Redis.from_url(server.url, password="s3cret:/@") as admin:
            admin.execute_command("ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all")
        assert works(f"redis://ann:pw@{address}")
        with pytest.raises(CacheError, match="Auth"):
            works(server.url)
        with pytest.raises(CacheError) as wrong:
            works(f"redis://:no-such-secret@{address}")
        assert "no-such-secret" not in str(wrong.value)


def test_a_unix_socket(tmp_path):
    with running_redis(tmp_path, "--unixsocket", str(tmp_path / "s")):
        for _ in range(100):
            if (tmp_path / "s").exists():
                break
            time.sleep(0.05)
        assert works(f"unix://{tmp_path}/s")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A folder with key.pem and cert.pem, for localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key.pem", "-out", "cert.pem", *names]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return folder


def test_tls(tmp_path, certificate):
    port = free_port()
    files = ("--tls-cert-file", f"{certificate}/cert.pem", "--tls-key-file", f"{certificate}/key.pem")
    with running_redis(
        tmp_path, "--tls-port", str(port), *files, "--tls-ca-cert-file", f"{certificate}/cert.pem", "--tls-auth-clients", "no"
    ):
        assert works(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}/cert.pem")
        with pytest.raises(CacheError, match="certificate"):
            works(f"rediss://127.0.0.1:{port}/0")


def test_sentinel_finds_the_master(tmp_path):
    with running_redis(tmp_path, "--requirepass", "pw") as server, redis_sentinel(tmp_path, server.url, password="pw") as port:
        assert works(f"redis+sentinel://:pw@127.0.0.1:1,127.0.0.1:{port}/mymaster/0")
        with pytest.raises(CacheError, match="other"):
            works(f"redis+sentinel://:pw@127.0.0.1:{port}/other")


@pytest.mark.parametrize(
    "url", ["http://host", "redis+sentinel://host:1", "redis+sentinel://h:x/m", "host:6379", "redis://:pw@h:port/0", "redis+x://h"]
)
def test_a_url_that_is_none_says_the_mend_and_keeps_the_password(url):
    with pytest.raises(CacheError, match="KEYSTEP_REDIS_URL") as refused:
        RedisCache(url, ttl=1)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/mymaster", "redis+cluster://127.0.0.1:1"])
def test_one_that_is_not_there_fails_at_the_first_call_not_before(url):
    cache = RedisCache(url, ttl=1, timeout=0.2)
    with pytest.raises(CacheError):
        cache.get_many(["k"])
    cache.close()


def fill(cache: RedisCache) -> None:
    for i in range(1000):
        cache.put_many({f"fill/{i}": "x" * 10_000})


def test_a_full_one_is_still_read(tmp_path):
    with running_redis(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        cache = RedisCache(server.url, ttl=60, timeout=5)
        cache.put_many({"k": "v"})
        with pytest.raises(CacheError, match="maxmemory"):
            fill(cache)
        assert cache.get_many(["k"]) == {"k": "v"}


def test_a_connection_that_the_server_closed_is_replaced_at_once(tmp_path):
    with running_redis(tmp_path) as server:
        cache = RedisCache(server.url, ttl=60, timeout=5)
        cache.put_many({"k": "v"})
        other = redis.Redis.from_url(server.url)
        other.client_kill_filter(_type="normal", skipme=True)
        other.close()
        assert cache.get_many(["k"]) == {"k": "v"}
        cache.put_many({"k": "w"})
        assert cache.get_many(["k"]) == {"k": "w"}


def test_keys_that_somebody_overwrote_are_no_values_and_no_leases(tmp_path):
    with running_redis(tmp_path) as server:
        cache, other = RedisCache(server.url, ttl=60, timeout=5), redis.Redis.from_url(server.url)
        other.lpush("list", "x")
        other.set("lease:a", "garbage")  # without an end
        other.lpush("lease:b", "x")
        assert cache.get_many(["list"]) == {}
        assert cache.claim(["a", "b"], "me", seconds=60) == {"a", "b"}
        cache.put_many({"list": "v"})
        assert cache.get_many(["list"]) == {"list": "v"}
        other.set("bytes", b"\xff\xfe")
        assert cache.get_many(["bytes"]) == {"bytes": "\ufffd\ufffd"}
        other.close()


def test_whatever_comes_back_it_is_a_failure_or_it_is_what_was_asked_for(tmp_path):
    """Garbled answers raise CacheError and nothing else. What happens to pass for an answer is checked by whoever decodes it."""
    with running_redis(tmp_path) as server, proxy_to(server.url) as proxy:
        cache = RedisCache(proxy.url(server.url), ttl=60, timeout=0.2, rest=0.0)
        cache.put_many({f"k{i}": "v" * i for i in range(20)})
        proxy.garbage = True
        failures = 0
        for i in range(200):
            calls = (
                lambda: cache.get_many([f"k{j}" for j in range(20)]),
                lambda: cache.put_many({"k": "v"}),
                lambda: cache.claim(["a", "b"], "me", seconds=1),
                lambda: cache.release(["a"], "me"),
            )
            try:
                calls[i % 4]()
            except CacheError:
                failures += 1
        assert failures > 100
        proxy.garbage = False
        for _ in range(3):  # a connection may still hold garbage
            with contextlib.suppress(CacheError):
                cache.get_many(["k1"])
        assert cache.get_many(["k1", "k3"]) == {"k1": "v", "k3": "vvv"}


class Server:
    def __init__(self) -> None:
        self.up = False
        self.calls = 0

    def ask(self) -> str:
        self.calls += 1
        if not self.up:
            time.sleep(0.1)
            raise redis.ConnectionError("down")
        return "fine"


def tried(circuit: Circuit, server: Server) -> str:
    try:
        return circuit.call(server.ask)
    except CacheError as error:
        return str(error)


def test_while_the_circuit_is_open_nobody_is_asked_and_then_one_is():
    circuit, server = Circuit(rest=0.5), Server()
    assert "down" in tried(circuit, server)
    assert ("not asked again" in tried(circuit, server), server.calls) == (True, 1)
    time.sleep(0.5)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: tried(circuit, server), range(20)))
    assert (server.calls, sum("not asked again" in a for a in answers)) == (2, 19)
    server.up = True
    time.sleep(0.6)
    assert [tried(circuit, server) for _ in range(3)] == ["fine"] * 3


def test_a_refusal_leaves_the_circuit_closed():
    circuit, server = Circuit(rest=60), Server()

    def refuse() -> None:
        raise redis.ResponseError("OOM")

    with pytest.raises(CacheError, match="refuses"):
        circuit.call(refuse)
    server.up = True
    assert tried(circuit, server) == "fine"
