"""Access tokens of people: JWT, HS256, signed with ``GLUE_JWT_SECRET``.

A token says who somebody is, and in which session. What that person may do, and whether the session
goes on, is asked of the database at each request, so that a changed role, a deactivated user and an
ended session count at once.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from glue.settings import Glue, SettingsError

ISSUER = "tonypi-glue"
AUDIENCE = "tonypi-api"
ALGORITHM = "HS256"
REQUIRED = ["sub", "sid", "role", "iss", "aud", "iat", "exp", "jti"]

SHORTEST_SECRET = 32
"""Bytes: as long as the hash (RFC 7518, 3.2)."""


class BadToken(Exception):
    """Not signed by us, over, or not for us; the text says which. ``expired``: it was ours."""

    def __init__(self, why: str, *, expired: bool = False) -> None:
        super().__init__(why)
        self.expired = expired


@dataclass(frozen=True)
class Named:
    """Whom a token names, in which session; ``role`` is what it was when the token was made."""

    user_id: str
    session_id: str
    role: str = ""


def check_secret(settings: Glue) -> None:
    """Raises :class:`SettingsError` when tokens could be forged."""
    if len(settings.jwt_secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise SettingsError(
            f"unusable setting: GLUE_JWT_SECRET: needs at least {SHORTEST_SECRET} bytes, or "
            "anybody can guess it and sign tokens; `openssl rand -hex 32` makes one"
        )


def issue(user_id: str, role: str, settings: Glue, session_id: str) -> str:
    """A token that lives ``GLUE_JWT_TTL`` seconds, and not longer than its session."""
    now = datetime.now(UTC)
    claims = {
        "sub": user_id,
        "sid": session_id,
        "role": role,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(seconds=settings.jwt_ttl),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), ALGORITHM)


def read(token: str, settings: Glue) -> Named:
    """Whom ``token`` names. Raises :class:`BadToken`."""
    try:
        claims = jwt.decode(
            token,
            settings.jwt_secret.get_secret_value(),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED},
        )
        sid = str(uuid.UUID(str(claims["sid"])))
        return Named(str(claims["sub"]), sid, str(claims["role"]))
    except jwt.ExpiredSignatureError:
        raise BadToken("the token has expired; refresh it, or log in again", expired=True) from None
    except (jwt.PyJWTError, ValueError) as error:
        raise BadToken(f"the token is not valid here ({error}); log in again") from None
