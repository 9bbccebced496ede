"""Targets and sending, with Apprise, which is spoken here alone.

A target is an Apprise URL. Only schemes that are allowed are ever instantiated: others could run
programs or read files of this machine. Apprise blocks, so it works in threads; what it says about a
failure is kept apart by thread, and whatever could be a credential is taken out of it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import apprise
import requests
from apprise.attachment.memory import AttachMemory

from glue.core.messages import Message

LONGEST_ERROR = 300

SHORT_LIVED = 4
"""Threads: as many messages as are sent at a time; one that hangs keeps its own only."""

_HIDDEN = "****"
_SCHEME = re.compile(r"^\s*([a-z0-9]{2,20})://\S", re.IGNORECASE)


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    data: bytes


class BadTarget(ValueError):
    """No usable address; the text says why, without the address."""


class NotDelivered(Exception):
    """The target did not take the message; the text says why, without credentials."""


@dataclass(frozen=True)
class Address:
    """``scheme`` and ``masked`` may be shown; ``url`` has the credentials."""

    scheme: str
    masked: str
    url: str

    def __repr__(self) -> str:
        return f"Address({self.masked!r})"


def parse(url: str, allowed: Collection[str]) -> Address:
    """The address, when its scheme is among ``allowed``. Raises :class:`BadTarget`."""
    url = url.strip()
    match = _SCHEME.match(url)
    if match is None or len(url.split()) != 1 or not url.isprintable():
        raise BadTarget("not an address like mailto://… or json://…, without spaces")
    scheme = match[1].lower()
    if scheme not in allowed:
        raise BadTarget(
            f"{scheme}:// may not be used here; NOTIFY_SCHEMES allows {', '.join(sorted(allowed))}"
        )
    made = _instance(url)
    if made is None:
        raise BadTarget(f"Apprise cannot read it as {scheme}://; see its page on that service")
    # Without the query: there a service may take a token under a name of its own.
    masked = str(made.url(privacy=True)).split("?")[0]
    return Address(scheme, masked, url)


class Messenger:
    """Sends. ``timeout`` in seconds, of connecting and of each read."""

    def __init__(self, allowed: Collection[str], timeout: float) -> None:
        self._allowed = allowed
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(SHORT_LIVED, "apprise")

    @property
    def longest(self) -> float:
        """Seconds that :meth:`send` takes at most."""
        return 2 * self._timeout + 5

    async def send(self, url: str, message: Message, attachment: Attachment | None = None) -> None:
        """Raises :class:`BadTarget` when it can never work, :class:`NotDelivered` when it may.
        ``attachment``: only to a target that :func:`attaches`."""
        address = parse(url, self._allowed)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.longest):
                await loop.run_in_executor(
                    self._threads, _notify, address, message, self._timeout, attachment
                )
        except TimeoutError:
            # The thread may hang on; another one takes its place.
            self._threads.shutdown(wait=False)
            self._threads = ThreadPoolExecutor(SHORT_LIVED, "apprise")
            raise NotDelivered(f"no answer within {self.longest:g} s") from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def attaches(url: str) -> bool:
    """Whether the service takes files with a message."""
    target = _instance(url)
    return target is not None and bool(target.attachment_support)


def _notify(
    address: Address, message: Message, timeout: float, attachment: Attachment | None = None
) -> None:
    target = _instance(address.url)
    if target is None:
        raise BadTarget("Apprise cannot read the address any more")
    target.socket_connect_timeout = target.socket_read_timeout = timeout
    # The queue waits and tries again, in one place.
    target.service_retry = 0
    _said.lines = []
    try:
        done = target.notify(
            title=message.title,
            body=message.body,
            notify_type=message.kind,
            body_format=apprise.NotifyFormat.TEXT,
            attach=None if attachment is None else _attached(attachment),
        )
        why = "; ".join(_said.lines)
    except Exception as error:  # whatever a plugin raises
        done, why = False, f"{type(error).__name__}: {error}"
    if not done:
        raise NotDelivered(scrubbed(why, address) or f"{address.scheme}:// did not take it")


def _attached(attachment: Attachment) -> Any:
    return apprise.AppriseAttachment(AttachMemory(attachment.data, name=attachment.name))


def scrubbed(text: str, address: Address) -> str:
    """``text`` without the credentials of ``address``: any part of it that ``masked`` hides."""
    shown = set(_parts(address.masked))
    for part in sorted(set(_parts(address.url)) - shown, key=len, reverse=True):
        if len(part) >= 3:
            text = text.replace(part, _HIDDEN).replace(unquote(part), _HIDDEN)
    return " ".join(text.split())[:LONGEST_ERROR]


def _parts(url: str) -> list[str]:
    rest = url.partition("://")[2]
    return [one for part in re.split(r"[/?&=:@,]", rest) for one in (part, unquote(part)) if one]


def _instance(url: str) -> Any:
    try:
        return apprise.Apprise.instantiate(url, suppress_exceptions=True)
    except (TypeError, ValueError, AttributeError, requests.RequestException):
        return None


_said = threading.local()


class _Kept(logging.Handler):
    """What Apprise says goes to who sends, in the same thread, and to no log: it may hold
    addresses with their credentials."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(_said, "lines", None)
        if lines is not None and len(lines) < 5:
            lines.append(record.getMessage())


_log = logging.getLogger("apprise")
_log.handlers = [_Kept(logging.INFO)]
_log.setLevel(logging.INFO)
_log.propagate = False
