"""People who may log in. Hashes come and go as they are; nobody here knows a password."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.errors import CheckViolation, UniqueViolation
from psycopg.rows import class_row

from glue.core.sorting import Column
from glue.store.listing import Listing
from glue.store.pool import StoreError
from glue.store.queries import load

sql = load("users")


USERS = Listing(
    sql,
    {
        "id": Column(str),
        "username": Column(str),
        "email": Column(str),
        "role": Column(int),
        "is_active": Column(bool),
        "created_at": Column(datetime),
        "updated_at": Column(datetime),
    },
    default="username",
)


class Taken(StoreError):
    """Somebody else has this name or address; ``what`` is ``username`` or ``email``."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this {what} is somebody else's")
        self.what = what


class LastAdmin(StoreError):
    """Nobody would be left who may keep the users."""

    def __init__(self) -> None:
        super().__init__(
            "the last active admin can neither be deactivated nor get another role; make somebody"
            " else admin first"
        )


@dataclass(frozen=True)
class User:
    """A row of ``users``. ``id`` is a UUID; ``role`` viewer, operator or admin."""

    id: str
    username: str
    email: str
    password_hash: str = field(repr=False)
    role: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


async def by_username(conn: AsyncConnection, username: str) -> User | None:
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(sql.one_by_username, {"username": username})).fetchone()


async def by_id(conn: AsyncConnection, user_id: str) -> User | None:
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(sql.one_by_id, {"id": user_id})).fetchone()


async def is_active(conn: AsyncConnection, user_id: str) -> bool:
    """Whether there is such a user, not deactivated."""
    row = await (await conn.execute(sql.is_active, {"id": user_id})).fetchone()
    return row is not None


async def listed(conn: AsyncConnection) -> list[User]:
    """Everybody, by name."""
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(sql.listed)).fetchall()


async def nobody_yet(conn: AsyncConnection) -> bool:
    """Whether the table is empty; no other service can fill it until the transaction ends."""
    await conn.execute(sql.only_one_makes_the_first)
    row = await (await conn.execute(sql.any_user)).fetchone()
    return row is not None and not row[0]


async def add(
    conn: AsyncConnection, *, username: str, email: str, password_hash: str, role: str
) -> User | None:
    """The new user, or None when the name or the address is taken."""
    named = {
        "id": str(uuid.uuid4()),
        "username": username,
        "email": email,
        "password_hash": password_hash,
        "role": role,
    }
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(sql.add, named)).fetchone()


async def hold(conn: AsyncConnection, user_id: str) -> User | None:
    """The user, whom nobody else changes until the transaction ends."""
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(sql.hold, {"id": user_id})).fetchone()


async def edit(
    conn: AsyncConnection,
    user_id: str,
    *,
    username: str | None = None,
    email: str | None = None,
    role: str | None = None,
    is_active: bool | None = None,
    password_hash: str | None = None,
) -> User | None:
    """The changed user, or None when there is none with this id. None leaves a value as it is.

    Another password and a deactivation end the user's sessions. Raises :class:`Taken` and
    :class:`LastAdmin`.
    """
    named = {
        "id": user_id,
        "username": username,
        "email": email,
        "role": role,
        "is_active": is_active,
        "password_hash": password_hash,
    }
    row = await (await conn.execute(sql.whose, named)).fetchone()
    if row:
        raise Taken(row[0])
    with _refused():
        async with conn.cursor(row_factory=class_row(User)) as cursor:
            return await (await cursor.execute(sql.edit, named)).fetchone()


async def replace_hash(conn: AsyncConnection, user: User, renewed: str) -> None:
    """Keep ``renewed`` for the same password, unless the password was changed meanwhile. Sessions
    go on (migration 0009)."""
    await conn.execute(sql.same_password, {"same": "on"})
    await conn.execute(
        sql.replace_hash, {"id": user.id, "checked": user.password_hash, "renewed": renewed}
    )
    await conn.execute(sql.same_password, {"same": ""})


@contextmanager
def _refused() -> Iterator[None]:
    """Turn the database's refusals (migrations 0003, 0009) into ours."""
    try:
        yield
    except CheckViolation as error:
        if error.diag.constraint_name == "users_last_admin":
            raise LastAdmin from None
        raise
    except UniqueViolation as error:
        raise Taken(
            "email" if "email" in (error.diag.constraint_name or "") else "username"
        ) from None
