"""The API over a real database, and callers of every role."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from psycopg.rows import dict_row

from glue import store
from glue.api.app import create_app
from glue.api.people import tokens
from glue.core.roles import ROLES
from glue.settings import Settings

PROBLEM = "application/problem+json"
NO_HASH = "!"
"""No password matches it: these users only have tokens."""


@dataclass
class Api:
    """``await api.get("viewer", "/alerts")``; the role None is a caller without a token."""

    app: FastAPI
    settings: Settings
    pool: store.Pool
    client: httpx.AsyncClient
    users: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    async def call(self, role: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if role:
            headers["authorization"] = f"Bearer {await self.token(role)}"
        return await self.client.request(method, path, headers=headers, **more)

    async def token(self, role: str) -> str:
        """An access token of that user's session, which is made when it is first asked for."""
        if role not in self.sessions:
            (row,) = await self.rows(
                "INSERT INTO sessions (user_id, expires_at)"
                " VALUES (%(user_id)s, now() + interval '1 hour') RETURNING id::text",
                user_id=self.users[role],
            )
            self.sessions[role] = row["id"]
        return tokens.issue(self.users[role], role, self.settings.glue, self.sessions[role])

    async def get(self, role: str | None, path: str, **params: Any) -> httpx.Response:
        return await self.call(role, "GET", f"/api/v1{path}", params=params)

    async def post(self, role: str | None, path: str, body: Any = None) -> httpx.Response:
        return await self.call(role, "POST", f"/api/v1{path}", json=body)

    async def put(self, role: str | None, path: str, body: Any) -> httpx.Response:
        return await self.call(role, "PUT", f"/api/v1{path}", json=body)

    async def patch(self, role: str | None, path: str, body: Any) -> httpx.Response:
        return await self.call(role, "PATCH", f"/api/v1{path}", json=body)

    async def delete(self, role: str | None, path: str) -> httpx.Response:
        return await self.call(role, "DELETE", f"/api/v1{path}")

    async def rows(self, query: str, **named: Any) -> list[dict[str, Any]]:
        """Straight from the database."""
        async with (
            store.transaction(self.pool) as conn,
            conn.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(query, named)  # type: ignore[arg-type]
            return await cursor.fetchall() if cursor.description else []

    async def logs(self, category: str) -> list[dict[str, Any]]:
        return await self.rows(
            "SELECT * FROM system_logs WHERE category = %(category)s ORDER BY id",
            category=category,
        )

    async def add_user(self, name: str, role: str, password_hash: str = NO_HASH) -> str:
        user_id = str(uuid.uuid4())
        await self.rows(
            "INSERT INTO users (id, username, email, password_hash, role)"
            " VALUES (%(id)s, %(name)s, %(email)s, %(hash)s, %(role)s)",
            id=user_id,
            name=name,
            email=f"{name}@example.org",
            hash=password_hash,
            role=role,
        )
        return user_id

    async def add_alert(self, **values: Any) -> int:
        """A row of ``alerts``; gives its id."""
        row: Mapping[str, Any] = {
            "robot_id": "tonypi_01",
            "alert_type": "servo",
            "severity": "warning",
            "title": "Servo hot",
            **values,
        }
        names = ", ".join(row)
        marks = ", ".join(f"%({name})s" for name in row)
        made = await self.rows(f"INSERT INTO alerts ({names}) VALUES ({marks}) RETURNING id", **row)
        return int(made[0]["id"])


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Api]:
    """The API with one user of each role, named like it."""
    async with store.open_pool(settings.postgres) as pool:
        app = create_app(settings, pool)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://glue") as client:
            api = Api(app, settings, pool, client)
            for role in ROLES:
                api.users[role] = await api.add_user(role, role)
            yield api


def is_problem(answer: httpx.Response, status: int) -> bool:
    """Whether ``answer`` is problem details of ``status``; fails where it is not."""
    asked = answer.request
    said = f"{asked.method} {asked.url}: {answer.status_code} {answer.text[:2000]}"
    assert answer.status_code == status, said
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(body), body
    assert body["status"] == status
    assert body["type"].startswith("urn:tonypi:problem:")
    assert body["detail"]
    for error in body.get("errors") or []:
        assert set(error) == {"where", "why"}
    return True
