"""How logs are written: through the standard library, formatted by structlog; each line carries the id of its request.

Modules keep to `logging.getLogger(__name__)`; whoever starts a process calls `configure` once.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Literal

import structlog

Format = Literal["text", "json"]


def configure(form: Format, level: str) -> None:
    """To standard error. text: for people.  json: an object a line: timestamp, level, logger, process, event, request_id, exception."""
    render: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _add_process,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # What libraries tell at info is theirs to know: a line for each request they make, say.
    for name in ("httpx2", "httpcore2", "stamina", "opentelemetry"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _add_process(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["process"] = os.getpid()
    return event
