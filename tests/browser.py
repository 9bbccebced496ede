"""A headless Chromium, spoken to by its DevTools protocol over a pipe: no driver, no web socket.

``with Browser(binary, folder) as browser, browser.person() as page:`` gives a window with cookies
of its own. Expressions are JavaScript; what is waited for is an expression that becomes true.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
    *("--disable-dev-shm-usage", "--no-proxy-server", "--disable-features=HttpsUpgrades"),
)
ON_3_AND_4 = """
import fcntl, os, sys
for number, end in enumerate([fcntl.fcntl(int(e), fcntl.F_DUPFD, 10) for e in sys.argv[1:3]], 3):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium listens on descriptor 3 and answers on 4."""
PATIENCE = 60.0
"""Seconds for a page of Grafana on a busy machine."""


def chromium() -> str | None:
    """The program, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class BrowserError(Exception):
    """Chromium said no, or did not answer."""


class Browser:
    """``names`` are host names that lead to an address, for this browser alone."""

    def __init__(self, program: str, folder: Path, names: Mapping[str, str] | None = None) -> None:
        rules = ",".join(f"MAP {name} {address}" for name, address in (names or {}).items())
        read_ours, write_theirs = os.pipe()
        read_theirs, self._write = os.pipe()
        self._read = read_ours
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", ON_3_AND_4, str(read_theirs), str(write_theirs), program),
                *(*QUIET, "--remote-debugging-pipe", f"--user-data-dir={folder}"),
                *(f"--host-resolver-rules={rules}", "--lang=en-US", "about:blank"),
            ],
            pass_fds=(read_theirs, write_theirs),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_theirs)
        os.close(write_theirs)
        self._numbers = itertools.count(1)
        self._pending = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrowserError, OSError):
            self.call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One call and its answer; events that come in between are kept in ``events``."""
        number = next(self._numbers)
        said: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            said["sessionId"] = session
        os.write(self._write, json.dumps(said).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            message = self._next(until)
            if message.get("id") == number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']}")
                return dict(message["result"])
            if "method" in message:
                self.events.append(message)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise BrowserError("Chromium does not answer")
            got = os.read(self._read, 1 << 20)
            if not got:
                raise BrowserError("Chromium has ended")
            self._pending += got
        message, _, self._pending = self._pending.partition(b"\0")
        return dict(json.loads(message))

    @contextmanager
    def person(self, width: int = 1280, height: int = 900) -> Iterator[Page]:
        """A window that shares no cookies with others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"])
        for domain in ("Page", "Runtime", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        try:
            yield page
        finally:
            with contextlib.suppress(BrowserError):
                self.call("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """One window."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the browser told by itself so far, of all its windows."""
        return self._browser.events

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """What ``expression`` gives; None while the page is between two documents."""
        try:
            answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        except BrowserError as error:
            if "context" in str(error) or "navigated" in str(error):
                return None
            raise
        return answer["result"].get("value")

    @property
    def url(self) -> str:
        return str(self.value("location.href"))

    @property
    def text(self) -> str:
        """What a reader sees."""
        return str(self.value("document.body ? document.body.innerText : ''"))

    def wait(self, expression: str, within: float = PATIENCE) -> Any:
        """The value of ``expression`` once it is true."""
        until = time.monotonic() + within
        while not (found := self.value(expression)):
            if time.monotonic() > until:
                raise AssertionError(f"not so: {expression}; at {self.url}: {self.text[:1500]}")
            time.sleep(0.1)
        return found

    def wait_for_text(self, text: str, within: float = PATIENCE) -> None:
        self.wait(f"(document.body?.innerText || '').includes({json.dumps(text)})", within)

    def fill(self, selector: str, text: str) -> None:
        """Type into a field, as a keyboard does."""
        found = json.dumps(selector)
        self.wait(f"!!document.querySelector({found})")
        self.value(
            f"document.querySelector({found}).focus(); document.querySelector({found}).select()"
        )
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        found = json.dumps(selector)
        self.wait(f"!!document.querySelector({found})")
        self.value(f"document.querySelector({found}).click()")

    def ask(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a path of this page's host, asked with the page's cookies."""
        take = "async r => [r.status, await r.json().catch(() => null)]"
        code = f"fetch({json.dumps(path)}).then({take})"
        answer = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        status, body = answer["result"]["value"]
        return int(status), body

    def cookies(self) -> dict[str, dict[str, Any]]:
        """Of the address that is open, by name."""
        return {one["name"]: one for one in self.call("Network.getCookies")["cookies"]}

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def in_colours(self, scheme: str) -> None:
        """``light`` or ``dark``, as the system asks for; at once."""
        wish = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=wish)

    def without_scripts(self) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=True)

    def picture(self, path: Path) -> None:
        """A PNG of what is to be seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
