"""Logging: an event name and keys; readable on a terminal, one JSON object a line elsewhere.

A line that cannot be written is lost, and nothing else: whoever stops a robot tells of it in
passing, and a closed terminal or a full disk must not come in between.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Literal, TextIO, cast

import structlog


class StandardError:
    """Standard error, whatever it is when a line is written."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def to_standard_error() -> structlog.PrintLoggerFactory:
    """For ``structlog.configure(logger_factory=...)``."""
    return structlog.PrintLoggerFactory(cast("TextIO", StandardError()))


def configure(style: Literal["auto", "json", "text"] = "auto", level: int = logging.INFO) -> None:
    """Send our events, and the warnings of libraries, to standard error."""
    on_terminal = sys.stderr.isatty()
    as_text = style == "text" or (style == "auto" and on_terminal)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=on_terminal)
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=to_standard_error(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
    )
    handler = logging.StreamHandler(StandardError())
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
