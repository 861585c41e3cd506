"""A Redis client from a URL, by redis-py's own means: one server, Sentinel or Cluster; TLS and password as the URL says.

    redis://[user:password@]host:port/db        rediss:// the same over TLS        unix://path
    redis+sentinel://[user:password@]host[:port],host[:port]/service[/db]          rediss+sentinel:// over TLS
    redis+cluster://[user:password@]host:port                                      rediss+cluster:// over TLS

Options after '?' are redis-py's (ssl_ca_certs=..., health_check_interval=...). Those that begin with sentinel_ are for the
sentinels themselves (sentinel_username, sentinel_password).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel

from keystep.errors import CacheError

T = TypeVar("T")

_SENTINEL_PORT = 26379
# A connection of the pool that the server has closed meanwhile is replaced once, at once. Waiting longer is the circuit's business.
_RETRY = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))


class Link:
    """One client, made at the first use, and made anew after a failure: a connection that confused its answers is not used again.

    timeout: seconds. Thread-safe.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        """Raises CacheError, naming the setting and the forms it may have, where url is none of them."""
        _check(url)
        self._url = url
        self._timeout = timeout
        self._lock = Lock()
        self._client: Any = None

    def use(self, work: Callable[[Any], T]) -> T:
        """What work makes of the client. Raises what it raises."""
        with self._lock:
            if self._client is None:
                self._client = connect(self._url, timeout=self._timeout)
            client = self._client
        try:
            return work(client)
        except ResponseError:
            raise  # an answer like any other
        except Exception:
            with self._lock:
                if self._client is client:
                    self._client = None
            raise

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()


def _check(url: str) -> None:
    try:
        if "+cluster" in url.partition(":")[0]:
            parse_url(url.replace("+cluster", "", 1))
        else:
            connect(url, timeout=1.0).close()
    except (ValueError, TypeError, RedisError) as error:
        # The URL may hold a password: it is not shown.
        raise CacheError(
            f"KEYSTEP_REDIS_URL cannot be read: {error}; give redis://host:6379/0, rediss:// (TLS), unix://path,"
            " redis+sentinel://host,host/service or redis+cluster://host:6379"
        ) from error


def connect(url: str, *, timeout: float) -> Any:
    """A thread-safe client that answers str. timeout: seconds a connection or an answer may take.

    One server and Sentinel are asked for nothing before the first command; Cluster is asked for its nodes at once, and
    raises RedisError where none answers.
    """
    # Bytes that are no UTF-8 are somebody else's: they read as garbage, which is overwritten, rather than fail the call.
    options = {
        "decode_responses": True,
        "encoding_errors": "replace",
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": _RETRY,
    }
    scheme, _, rest = url.partition("://")
    kind = scheme.rpartition("+")[2]
    if kind == "cluster":
        return redis.RedisCluster.from_url(f"{scheme.removesuffix('+cluster')}://{rest}", **options)
    if kind == "sentinel":
        return _by_sentinel(url, options)
    return redis.Redis.from_url(url, **options)


def _by_sentinel(url: str, options: dict[str, Any]) -> Any:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if not hosts or not service:
        raise ValueError("a Sentinel URL names its sentinels and the service: redis+sentinel://host:26379,host:26379/service")
    # redis-py reads the rest of it: login, database, options.
    whole = urlunsplit((parts.scheme.removesuffix("+sentinel"), f"{login}@unset" if login else "unset", f"/{db}", parts.query, ""))
    told = parse_url(whole)
    del told["host"]
    ssl = {"ssl": True} if told.pop("connection_class", None) is SSLConnection else {}
    own = {name.removeprefix("sentinel_"): told.pop(name) for name in list(told) if name.startswith("sentinel_")}
    tls = {name: value for name, value in told.items() if name.startswith("ssl_")}
    sentinels = Sentinel([_address(host) for host in hosts.split(",")], sentinel_kwargs=options | ssl | tls | own, **options)
    return sentinels.master_for(service, **ssl, **told)


def _address(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if parts.hostname is None:
        raise ValueError("a sentinel's host is empty")
    return parts.hostname, parts.port or _SENTINEL_PORT
