"""Keys that tokens for other programs are signed with: RS256, whose public half anybody may have.

The private half is kept sealed (encrypted under ``GLUE_JWT_SECRET``), so that a copy of the
database alone signs nothing. Keys and tokens are JOSE (RFC 7515 to 7519); joserfc does the work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, RSAKey

ALGORITHM = "RS256"
BITS = 2048
LEEWAY = 60
"""Seconds by which the clocks of two machines may differ."""

_SEALED = {"alg": "dir", "enc": "A256GCM"}


class BadSignature(Exception):
    """Not a token of ours, or not of the kind that is asked for, or over; the text says which."""


class SealedOtherwise(Exception):
    """A key was sealed under another secret."""


@dataclass(frozen=True)
class SigningKey:
    """``public`` may be shown to all; ``sealed`` is the private half, for who has the secret."""

    kid: str
    public: Mapping[str, Any]
    sealed: str = field(repr=False)


def make_key(secret: str) -> SigningKey:
    """A new key, sealed under ``secret``. Takes a second on a small computer."""
    key = RSAKey.generate_key(BITS, {"use": "sig", "alg": ALGORITHM})
    key.ensure_kid()
    sealed = jwe.encrypt_compact(_SEALED, key.as_pem(private=True), _sealing_key(secret))
    return SigningKey(str(key.kid), key.as_dict(private=False), sealed)


def opened(key: SigningKey, secret: str) -> RSAKey:
    """The key that signs. Raises :class:`SealedOtherwise`."""
    try:
        pem = jwe.decrypt_compact(key.sealed, _sealing_key(secret)).plaintext
    except JoseError as error:
        raise SealedOtherwise(f"key {key.kid} was sealed under another GLUE_JWT_SECRET") from error
    return RSAKey.import_key(pem or b"", {"use": "sig", "alg": ALGORITHM, "kid": key.kid})


def sign(claims: Mapping[str, Any], key: RSAKey, kind: str) -> str:
    """A compact token. ``kind`` is its header ``typ``, so that none is taken for another."""
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": kind}
    return jwt.encode(header, dict(claims), key, [ALGORITHM])


def read(
    token: str,
    keys: Iterable[SigningKey],
    kind: str,
    now: float,
    *,
    expired_too: bool = False,
    **expected: str,
) -> dict[str, Any]:
    """The claims of a token that one of ``keys`` signed, that is of ``kind``, in force at ``now``
    (seconds since 1970) and has the ``expected`` claims. Raises :class:`BadSignature`.

    ``expired_too`` takes one that is over.
    """
    try:
        found = KeySet([RSAKey.import_key(dict(key.public)) for key in keys])
        read_token = jwt.decode(token, found, [ALGORITHM])
        required = {name: {"essential": True, "value": value} for name, value in expected.items()}
        registry = jwt.JWTClaimsRegistry(
            now=0 if expired_too else int(now),
            leeway=LEEWAY,
            exp={"essential": True},
            **required,  # type: ignore[arg-type]
        )
        claims = dict(read_token.claims)
        # `iat` in the future, seen from the year 1970, is no error.
        checked = {k: v for k, v in claims.items() if not (expired_too and k in ("iat", "nbf"))}
        registry.validate(checked)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadSignature(f"not a token of ours that is in force ({error})") from None
    if read_token.header.get("typ") != kind:
        raise BadSignature(f"a token of another kind ({read_token.header.get('typ')})")
    return claims


def _sealing_key(secret: str) -> OctKey:
    return OctKey.import_key(hashlib.sha256(b"tonypi signing key\0" + secret.encode()).digest())
