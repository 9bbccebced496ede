"""A browser and Grafana's server, as far as single sign-on goes: what they send to the glue."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest_asyncio

from glue.api.sign_on.authorize import client
from glue.core import oidc, passwords
from tests.api import Api

VERIFIER = "v" * 43
PASSWORD = "correct horse battery"


def query(url: str) -> dict[str, str]:
    """Its parameters; none may stand there twice."""
    found = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), url
    return {name: values[0] for name, values in found.items()}


@dataclass
class SignOn:
    """``browser`` has cookies of its own; ``server`` is Grafana's."""

    api: Api
    browser: httpx.AsyncClient
    server: httpx.AsyncClient
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def redirect_uri(self) -> str:
        return client(self.api.settings).redirect_uri

    @property
    def secret(self) -> str:
        return client(self.api.settings).secret

    def request(self, **changed: str | None) -> dict[str, str]:
        """What Grafana sends a browser here with; None leaves a parameter out."""
        usual = {
            "client_id": "grafana",
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid profile email",
            "state": "a state & more",
            "code_challenge": oidc.challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return {k: v for k, v in {**usual, **changed}.items() if v is not None}

    async def authorize(self, **changed: str | None) -> httpx.Response:
        return await self.browser.get("/oauth/authorize", params=self.request(**changed))

    async def fill_in(
        self, page: httpx.Response, username: str, password: str = PASSWORD, **other: str
    ) -> httpx.Response:
        """Send the form that ``page`` shows, filled in."""
        action, token = form_of(page)
        data = {"form_token": token, "username": username, "password": password, **other}
        return await self.browser.post(page.url.join(action), data=data)

    async def code(self, username: str = "ada", **changed: str | None) -> str:
        """A code for somebody who is signed in, or signs in now."""
        answer = await self.authorize(**changed)
        if answer.status_code == 200:
            answer = await self.fill_in(answer, username)
        assert answer.status_code in (302, 303), answer.text
        return query(answer.headers["location"])["code"]

    async def exchange(self, code: str, **changed: Any) -> httpx.Response:
        """Grafana's server asks for tokens."""
        auth = changed.pop("auth", ("grafana", self.secret))
        headers = changed.pop("headers", {})
        usual = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        data = {k: v for k, v in {**usual, **changed}.items() if v is not None}
        more = {"auth": auth} if auth else {}
        return await self.server.post("/oauth/token", data=data, headers=headers, **more)

    async def userinfo(self, access_token: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {access_token}".encode()}
        return await self.server.get("/oauth/userinfo", headers=headers)

    async def add_user(self, name: str, role: str, in_grafana: bool = True) -> str:
        """Somebody with :data:`PASSWORD`, whose account in Grafana the glue has made, or not."""
        user_id = await self.api.add_user(name, role, kept_password())
        if in_grafana:
            await own_in_grafana(self.api, name)
        return user_id


@cache
def kept_password() -> str:
    """The hash of :data:`PASSWORD`, made once: it takes long."""
    return passwords.hashed(PASSWORD)


async def own_in_grafana(api: Api, name: str, grafana_id: int = 7) -> None:
    """The reconciler has made the account there, and has seen it since."""
    await api.rows(
        "INSERT INTO grafana_objects (kind, name, grafana_id, user_id, email)"
        " SELECT 'user', lower(username), %(id)s, id, upper(email)"
        " FROM users WHERE lower(username) = lower(%(n)s)",
        n=name,
        id=grafana_id,
    )


def asgi(app: Any, **cookies: str) -> httpx.AsyncClient:
    """Who comes from Grafana, which has left its own cookie on the same host."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    made = httpx.AsyncClient(transport=transport, base_url="http://glue.test")
    for name, value in {"oauth_state": "grafana's", **cookies}.items():
        made.cookies.set(name, value, domain="glue.test", path="/")
    return made


@pytest_asyncio.fixture
async def sign_on(api: Api) -> AsyncIterator[SignOn]:
    """A browser in which nobody is signed in, and Ada, an operator."""
    async with asgi(api.app) as browser, asgi(api.app) as server:
        made = SignOn(api, browser, server)
        await made.add_user("Ada", "operator")
        yield made


def signed_in(url: str, username: str, password: str) -> httpx.Response:
    """Grafana's answer to who one is, for whoever opens ``url`` of it and gives name and password
    where that leads. Like a browser the client keeps cookies by host, whatever the port."""
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=30) as browser:
        page = browser.get(url)
        action, token = form_of(page)
        data = {"form_token": token, "username": username, "password": password}
        there = browser.post(page.url.join(action), data=data)
        return browser.get(there.url.join("/api/user"))


def form_of(page: httpx.Response) -> tuple[str, str]:
    """Where the form goes, and what is hidden in it."""
    action = re.search(r'action="([^"]+)"', page.text)
    token = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert action and token, page.text
    return html.unescape(action[1]), token[1]


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


async def refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]
