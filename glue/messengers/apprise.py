"""Targets and sending, with Apprise, which is spoken here alone.

A target is an Apprise URL. Only schemes that are allowed are ever instantiated: others could run
programs or read files of this machine. Apprise blocks, so it works in threads; what it says about a
failure is kept apart by thread, and whatever could be a credential is taken out of it.

An address may name neither files of this machine nor further addresses to fetch, whatever its
scheme; redirects are not followed, and networks are denied where the socket connects.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

import apprise
import requests
from apprise.attachment.memory import AttachMemory
from apprise.manager_attachment import AttachmentManager
from apprise.utils.parse import parse_qsd

from glue.core.messages import Message
from glue.messengers.network_policy import Network, applied, denial
from glue.settings.notify import Notify

LONGEST_ERROR = 300

SHORT_LIVED = 4
"""Threads: as many messages as are sent at a time; one that hangs keeps its own only."""

REFUSED_OPTIONS = {
    "template": "it opens a file of this machine, or fetches one",
    "keyfile": "it opens a file of this machine, or fetches one",
    "subfile": "it opens a file of this machine, or fetches one",
    "pgppub": "it opens a file of this machine, or fetches one",
    "pgpprv": "it opens a file of this machine, or fetches one",
    "pgp": "it opens files of this machine",
    "wkd": "it fetches keys from other addresses",
    "attach": "it has a file fetched from another address",
    "attachment": "it has a file fetched from another address",
    "redirect": "redirects are not followed",
}
"""Options of addresses that are refused, whatever the scheme, and why."""

LOCAL_SCHEMES = frozenset(
    ("file", "syslog", "dbus", "glib", "kde", "qt", "gnome", "macosx", "windows", "blink1", "vapid")
)
"""What happens on this machine, or opens its files, even where NOTIFY_SCHEMES names it."""

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


def parse(url: str, allowed: Collection[str], denied: Sequence[Network] = ()) -> Address:
    """The address, when its scheme is among ``allowed``, it has no option that reaches elsewhere,
    and its host is no address in a ``denied`` network. Raises :class:`BadTarget`."""
    url = url.strip()
    match = _SCHEME.match(url)
    if match is None or len(url.split()) != 1 or not url.isprintable():
        raise BadTarget("not an address like mailto://… or json://…, without spaces")
    scheme = match[1].lower()
    if scheme in LOCAL_SCHEMES:
        raise BadTarget(f"{scheme}:// is of this machine alone, so it may not be used")
    if scheme not in allowed:
        raise BadTarget(
            f"{scheme}:// may not be used here; NOTIFY_SCHEMES allows {', '.join(sorted(allowed))}"
        )
    for option, why in _refused_options(url):
        raise BadTarget(f"the option {option}= may not be used: {why}")
    made = _instance(url)
    if made is None:
        raise BadTarget(f"Apprise cannot read it as {scheme}://; see its page on that service")
    if why_not := denial(str(getattr(made, "host", None) or ""), denied):
        raise BadTarget(why_not)
    # Without the query: there a service may take a token under a name of its own.
    masked = str(made.url(privacy=True)).split("?")[0]
    return Address(scheme, masked, url)


def _refused_options(url: str) -> list[tuple[str, str]]:
    # Read as Apprise reads it: it separates options at semicolons, too. The prefixes are Apprise's:
    # they make an option a header, a parameter or a value.
    options = parse_qsd(url.partition("?")[2], simple=True)["qsd"]
    names = (name.lstrip("+-:").strip() for name in options)
    return [(name, REFUSED_OPTIONS[name]) for name in names if name in REFUSED_OPTIONS]


class Messenger:
    """Sends to what ``notify`` (settings) allows."""

    def __init__(self, notify: Notify) -> None:
        self._allowed = notify.allowed
        self._denied = notify.denied
        self._timeout = notify.timeout
        self._threads = ThreadPoolExecutor(SHORT_LIVED, "apprise")

    @property
    def longest(self) -> float:
        """Seconds that :meth:`send` takes at most."""
        return 2 * self._timeout + 5

    async def send(self, url: str, message: Message, attachment: Attachment | None = None) -> None:
        """Raises :class:`BadTarget` when it can never work, :class:`NotDelivered` when it may.
        ``attachment``: only to a target that :func:`attaches`."""
        address = parse(url, self._allowed, self._denied)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.longest):
                with_policy = partial(_notify, denied=self._denied)
                await loop.run_in_executor(
                    self._threads, with_policy, address, message, self._timeout, attachment
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
    address: Address,
    message: Message,
    timeout: float,
    attachment: Attachment | None = None,
    denied: Sequence[Network] = (),
) -> None:
    target = _instance(address.url)
    if target is None:
        raise BadTarget("Apprise cannot read the address any more")
    target.socket_connect_timeout = target.socket_read_timeout = timeout
    # The queue waits and tries again, in one place.
    target.service_retry = 0
    _said.lines = []
    try:
        with applied(denied) as refusals:
            done = target.notify(
                title=message.title,
                body=message.body,
                notify_type=message.kind,
                body_format=apprise.NotifyFormat.TEXT,
                attach=None if attachment is None else _attached(attachment),
            )
        why = "; ".join([*dict.fromkeys(refusals), *_said.lines])
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
        target = apprise.Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True)
    except (TypeError, ValueError, AttributeError, LookupError, requests.RequestException):
        return None
    if target is not None:
        # Over any option of the address.
        target.redirects = False
    return target


_ASSET = apprise.AppriseAsset(http_redirects=False)

# Whatever an option names: no file is opened and nothing fetched to be attached or read. What we
# attach is in memory.
AttachmentManager().remove("file", "http", "https")

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
