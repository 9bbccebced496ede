"""Secrets that are kept in the database, sealed under ``GLUE_SECRET_KEY`` (Fernet).

The setting may hold several keys, separated by commas: the first one seals, all of them open, so
that a key can be replaced while the old one still opens what it sealed.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SHORTEST = 16
"""Characters of a key; `tonypi up` makes 32."""


class NoKey(Exception):
    """``GLUE_SECRET_KEY`` is not set or too short; the text says what to do."""


class SealedOtherwise(Exception):
    """Sealed under a key that is not (any more) in ``GLUE_SECRET_KEY``."""


def seal(keys: str, text: str) -> str:
    """``text`` for who has the key only. Raises :class:`NoKey`."""
    return _fernet(keys).encrypt(text.encode()).decode()


def unseal(keys: str, sealed: str) -> str:
    """What was sealed. Raises :class:`NoKey` and :class:`SealedOtherwise`."""
    try:
        return _fernet(keys).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealedOtherwise(
            "sealed under another key: put the key of that time into GLUE_SECRET_KEY, behind a"
            " comma, or give the address anew"
        ) from None


def _fernet(keys: str) -> MultiFernet:
    listed = [key.strip() for key in keys.split(",") if key.strip()]
    if not listed or min(map(len, listed)) < SHORTEST:
        raise NoKey(
            f"GLUE_SECRET_KEY is not set, or shorter than {SHORTEST} characters: give it a random"
            " text, the same at every start; without it nothing can be kept sealed"
        )
    return MultiFernet(
        Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in listed
    )
