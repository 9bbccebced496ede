"""Passwords: what is accepted, how they are kept, how a login is checked.

Kept as argon2id. bcrypt hashes of an older installation (``$2a$``, ``$2b$``, ``$2y$``) are
accepted and replaced at the next login. Hashing takes long, and 64 MiB, on purpose: callers
run it off the event loop, few at a time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from glue.core.demo import is_documented

LONGEST = 256
"""Characters. A bound on work, far above any passphrase."""

SHORTEST = 10
"""Characters. Length is what counts (NIST SP 800-63B); no rule about signs and digits."""

BCRYPT_BYTES = 72
"""bcrypt never looked at more. Its library once cut silently and now refuses, so we cut."""

_argon2 = Argon2Hasher()
_bcrypt = BcryptHasher()
_hashes = PasswordHash((_argon2, _bcrypt))


@dataclass(frozen=True)
class Checked:
    """``right``: the password is the one. ``renewed``: the hash to keep from now on, if any."""

    right: bool
    renewed: str | None = None


GUESSES = 1e6
"""Guesses that a password withstands, as zxcvbn estimates them from lists of common passwords,
words, names, keyboards, dates and repeats. Below it (zxcvbn's scores 0 and 1) a throttled sign-in
is no protection. Source: D. L. Wheeler, zxcvbn, USENIX Security 2016."""

ESTIMATED = 32
"""Characters that are estimated: the rest can only add, and the work grows with the square."""

PRODUCT_WORDS = ("tonypi", "hiwonder", "grafana", "influxdb", "mosquitto", "telegraf", "robot")
"""What somebody who knows the product guesses first."""


def objection(password: str, username: str = "") -> str | None:
    """Why ``password`` may not be chosen, as a sentence; None when it may."""
    if len(password) < SHORTEST:
        return f"A password takes at least {SHORTEST} characters; a few words in a row are good."
    if len(password) > LONGEST:
        return f"A password takes at most {LONGEST} characters."
    if "\x00" in password:
        return "A password takes no NUL character."
    if is_documented(password):
        return "This password is in the documentation, so everybody knows it."
    if len(set(password)) < 4:
        return "This password repeats the same few characters; use a few words in a row."
    if username and username.lower() in password.lower():
        return "A password does not contain the user's name."
    if _guesses(password, username) < GUESSES:
        return "This password is among the first that are guessed; use a few words in a row."
    return None


def _guesses(password: str, username: str) -> float:
    # Imported here: its lists take a fifth of a second, and most processes set no password.
    from zxcvbn import zxcvbn

    words = [*PRODUCT_WORDS, *filter(None, (username,))]
    return float(zxcvbn(password[:ESTIMATED], user_inputs=words)["guesses"])


def generated() -> str:
    """A password that nobody can guess, 96 random bits in 16 characters."""
    return secrets.token_urlsafe(12)


def hashed(password: str) -> str:
    """The argon2id hash to keep."""
    return _hashes.hash(password)


def check(password: str, kept: str | None) -> Checked:
    """Compare ``password`` with the hash that was kept.

    ``kept`` is None for a user who does not exist: the same work is done, so that the time of the
    answer does not tell who exists. A hash of an unknown kind is no match.
    """
    if kept is None:
        _hashes.verify(password, _nobody())
        return Checked(False)
    offered: str | bytes = password
    if _bcrypt.identify(kept):
        offered = password.encode()[:BCRYPT_BYTES]
    try:
        right = _hashes.verify(offered, kept)
    except (PwdlibError, ValueError):
        return Checked(False)
    if not right:
        return Checked(False)
    if _argon2.identify(kept) and not _argon2.check_needs_rehash(kept):
        return Checked(True)
    return Checked(True, hashed(password))


@cache
def _nobody() -> str:
    return hashed("a password that nobody has")
