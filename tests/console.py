"""People at the console without a script: a plain HTTP client that reads pages and sends forms."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx

from glue import console, store
from glue.api.sign_on import browser as sign_on
from glue.core import passwords
from glue.core.roles import ROLES
from glue.series import Query
from glue.settings import Settings
from glue.store import oidc, users
from tests.api import Api, served

ROOT = "/console"
PASSWORD = "correct horse battery"

BLOCKS = {"div", "p", "form", "table", "ul", "ol", "dl", "section", "fieldset", "h1", "h2", "h3"}
VOID = {"input", "meta", "link", "br", "hr", "img", "circle", "path", "rect", "line"}


@cache
def kept() -> str:
    """The hash of everybody's password."""
    return passwords.hashed(PASSWORD)


@dataclass
class Form:
    """A form of a page: where it goes, its fields with their values, its buttons."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)


class Read(HTMLParser):
    """Forms, elements and text of a page; fails on tags that do not fit."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self._select = ""
        self.feed(html)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        told = {name: value or "" for name, value in attrs}
        assert tag not in BLOCKS or "p" not in self._open, f"<{tag}> ends the paragraph around it"
        self.elements.append((tag, told))
        self.text += " "
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(told.get("action", ""), told.get("method", "get")))
        if not self.forms or "form" not in self._open:
            return
        form = self.forms[-1]
        if tag == "input" and "name" in told:
            ticked = told.get("type") not in ("checkbox", "radio") or "checked" in told
            if ticked:
                form.fields.append((told["name"], told.get("value", "")))
        elif tag == "button":
            form.buttons.append(told)
        elif tag == "select":
            self._select = told["name"]
        elif tag == "option" and "selected" in told:
            form.fields.append((self._select, told["value"]))

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("style", "script"):
            self.text += data


@dataclass
class Visitor:
    """A browser without scripts, with cookies of its own."""

    client: httpx.AsyncClient
    page: httpx.Response | None = None

    async def get(self, path: str, **params: Any) -> httpx.Response:
        self.page = await self.client.get(f"{ROOT}{path}", params=params or None)
        return self.page

    def read(self) -> Read:
        assert self.page is not None
        return Read(self.page.text)

    @property
    def text(self) -> str:
        return " ".join(self.read().text.split())

    async def send(self, button: str, *more: tuple[str, str], **filled: str) -> httpx.Response:
        """Press the button that says ``button`` of the page that is open, its form's fields as they
        are but for ``filled`` and ``more``; follows where that leads."""
        form, chosen = self._form_with(button)
        fields = [one for one in form.fields if one[0] not in filled]
        fields += [*filled.items(), *more]
        if "name" in chosen:
            fields.append((chosen["name"], chosen.get("value", "")))
        assert self.page is not None
        url = urljoin(str(self.page.url), form.action) if form.action else str(self.page.url)
        told: dict[str, list[str]] = {}
        for name, value in fields:
            told.setdefault(name, []).append(value)
        if form.method == "get":
            answer = await self.client.get(url.partition("?")[0], params=told)
        else:
            answer = await self.client.post(url, data=told)
        self.page = await self._followed(answer)
        return self.page

    async def _followed(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect:
            answer = await self.client.get(urljoin(str(answer.url), answer.headers["location"]))
        return answer

    def _form_with(self, said: str) -> tuple[Form, dict[str, str]]:
        assert self.page is not None
        place = self.page.text.index(f">{said}")
        before = Read(_closed(self.page.text[: place + 1]))
        whole = self.read().forms[len(before.forms) - 1]
        return whole, before.forms[-1].buttons[-1]

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        await self.get("/sign-in")
        return await self.send("Sign in</button>", username=name, password=password)


def _closed(html: str) -> str:
    """``html``, cut somewhere, with its open tags closed."""
    open_tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in VOID:
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            open_tags.pop()

        def handle_startendtag(self, tag: str, attrs: Any) -> None: ...

    Tags().feed(html)
    return html + "".join(f"</{tag}>" for tag in reversed(open_tags))


@dataclass
class Console:
    """The console over a real database, with one user of each role, named like it."""

    api: Api

    def visitor(self, **headers: str) -> Visitor:
        transport = httpx.ASGITransport(self.api.app, raise_app_exceptions=False)
        return Visitor(
            httpx.AsyncClient(transport=transport, base_url="http://glue.test", headers=headers)
        )

    async def as_(self, role: str) -> Visitor:
        """Somebody of this role, signed in a moment ago."""
        visitor, token = self.visitor(), secrets.token_urlsafe(32)
        async with store.transaction(self.api.pool) as conn:
            user = await users.by_id(conn, self.api.users[role])
            assert user is not None
            assert await oidc.open_session(conn, token, user, 3600, "127.0.0.1", "test")
        for name, path in ((sign_on.SESSION, "/oauth"), (sign_on.CONSOLE, ROOT)):
            visitor.client.cookies.set(name, token, domain="glue.test", path=path)
        return visitor


@asynccontextmanager
async def open_console(settings: Settings, api: Api | None = None) -> AsyncIterator[Console]:
    """The console of ``api``, or of one of its own."""
    if api is None:
        async with served(settings) as made, open_console(settings, made) as opened:
            yield opened
        return
    async with Query(settings.influx) as series:
        api.app.state.series = series
        console.install(api.app)
        for role in ROLES:
            await api.rows(
                "UPDATE users SET password_hash = %(hash)s WHERE username = %(name)s",
                hash=kept(),
                name=role,
            )
        yield Console(api)


def is_sound(page: httpx.Response) -> None:
    """Closed tags, one of each landmark, every field with a label, a strict policy."""
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    read = Read(page.text)
    tags = [tag for tag, _ in read.elements]
    assert tags.count("main") == 1 and tags.count("h1") == 1, page.url
    ids = [given["id"] for _, given in read.elements if "id" in given]
    assert len(ids) == len(set(ids)), f"{page.url}: {sorted(ids)}"
    labelled = {given.get("for") for tag, given in read.elements if tag == "label"}
    for tag, given in read.elements:
        assert "style" not in given and not any(name.startswith("on") for name in given)
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            inside = given.get("type") == "checkbox" and given.get("name", "").startswith(
                ("even_if", "is_active")
            )
            named = "aria-label" in given or given.get("id") in labelled or inside
            assert named, f"{page.url}: {given}"
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(given.get(name, "").split()) <= set(ids), f"{page.url}: {given}"
