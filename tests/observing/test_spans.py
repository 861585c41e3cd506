"""Spans, as a collector gets them: OTLP over real HTTP, from a real service."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from http_groups import groups
from running import running

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextlib.contextmanager
def collector() -> Iterator[tuple[str, list]]:
    """Its address, and the spans it was sent."""
    spans: list = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(span for of in sent.resource_spans for scope in of.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans
        finally:
            server.shutdown()
            thread.join()


def test_a_request_is_a_span_with_its_stages_as_children(tmp_path, monkeypatch):
    with collector() as (url, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        with running(tmp_path, processes=1, verifier_workers=1) as service:
            told = httpx2.post(
                f"{service.url}/v1/score",
                json={"groups": groups(1)},
                headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "authorization": "Bearer hush"},
                timeout=60,
            )
            assert told.status_code == 200
        # They are flushed when the service stops.
    mine = [span for span in spans if span.trace_id.hex() == TRACE]
    (whole,) = [span for span in mine if span.parent_span_id.hex() == PARENT]
    assert whole.name == "POST /v1/score"
    stages = sorted((span for span in mine if span.parent_span_id == whole.span_id), key=lambda span: span.start_time_unix_nano)
    assert [span.name for span in stages] == ["body", "parse", "key_steps", "score", "write"]
    assert len(mine) == 6
    for before, after in itertools.pairwise(stages):
        assert before.end_time_unix_nano <= after.start_time_unix_nano
    # The two clocks are read apart: a millisecond is allowed for that.
    assert stages[0].start_time_unix_nano >= whole.start_time_unix_nano - 1_000_000
    assert stages[-1].end_time_unix_nano <= whole.end_time_unix_nano + 1_000_000
    assert "hush" not in str(spans)
