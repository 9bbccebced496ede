"""Log lines: where they go, and what happens when they can go nowhere."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from glue import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


class Full(io.StringIO):
    """A disk without space, or a pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("broken", [closed, Full])
def test_a_line_that_cannot_be_written_stops_nobody(monkeypatch, broken):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    logs.configure("json")
    log = structlog.get_logger()
    log.error("first")
    monkeypatch.setattr(sys, "stderr", broken())
    log.error("lost")
    logging.getLogger("library").error("lost too")
    monkeypatch.setattr(sys, "stderr", again := io.StringIO())
    log.error("again")
    assert '"again"' in again.getvalue()
