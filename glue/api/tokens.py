"""Access tokens: JWT, HS256, signed with ``GLUE_JWT_SECRET``.

A token says who somebody is. What that person may do is asked of the users table at each request,
so that a changed role or a deactivated user counts at once.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import jwt

from glue.settings import Glue, SettingsError

ISSUER = "tonypi-glue"
AUDIENCE = "tonypi-api"
ALGORITHM = "HS256"
REQUIRED = ["sub", "role", "iss", "aud", "iat", "exp", "jti"]

SHORTEST_SECRET = 32
"""Bytes: as long as the hash (RFC 7518, 3.2)."""


class BadToken(Exception):
    """Not signed by us, over, or not for us; the text says which."""


def check_secret(settings: Glue) -> None:
    """Raises :class:`SettingsError` when tokens could be forged."""
    if len(settings.jwt_secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise SettingsError(
            f"unusable setting: GLUE_JWT_SECRET: needs at least {SHORTEST_SECRET} bytes, or "
            "anybody can guess it and sign tokens; `openssl rand -hex 32` makes one"
        )


def issue(user_id: str, role: str, settings: Glue) -> str:
    """A token that lives ``GLUE_JWT_TTL`` seconds."""
    now = datetime.now(UTC)
    claims = {
        "sub": user_id,
        "role": role,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(seconds=settings.jwt_ttl),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), ALGORITHM)


def subject(token: str, settings: Glue) -> str:
    """The id of the user that ``token`` names. Raises :class:`BadToken`."""
    try:
        claims = jwt.decode(
            token,
            settings.jwt_secret.get_secret_value(),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise BadToken("the token has expired; log in again") from None
    except (jwt.PyJWTError, ValueError) as error:
        raise BadToken(f"the token is not valid here ({error}); log in again") from None
    return str(claims["sub"])
