"""Single sign-on, what is decided of it: OpenID Connect's code flow for one client, Grafana.

A browser comes with an authorization request; who gives name and password there goes back with a
code, which Grafana's server turns into tokens. RFC 6749 (OAuth 2.0), 7636 (PKCE, here always and
S256 only), 9700 (its best practice), OpenID Connect Core 1.0. Values in, values out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

CLIENT = "grafana"
CALLBACK = "/login/generic_oauth"
"""Where Grafana takes codes, below its root."""

SCOPES = ("openid", "profile", "email")
CODE_LIVES = 60.0
"""Seconds from the browser's way back until Grafana's server asks: usually less than one."""
ID_TOKEN_LIVES = 300
LONGEST = 2000
"""Characters of a parameter."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Client:
    """Who may ask. Addresses are compared letter by letter."""

    id: str
    secret: str = field(repr=False)
    redirect_uri: str
    signed_out_uris: tuple[str, ...]


class NotOurs(Exception):
    """The request names no client or address of ours: it is told on a page, never by redirect."""


class OAuthError(Exception):
    """An error that the client is told: ``code`` is OAuth's name for it, the text explains."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class RequestRefused(OAuthError):
    """An authorization request of ours that cannot be granted. ``state`` goes back with it."""

    def __init__(self, code: str, description: str, state: str | None) -> None:
        super().__init__(code, description)
        self.state = state


@dataclass(frozen=True)
class Request:
    """An authorization request. ``max_age``: seconds that the password may be old."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    state: str | None = None
    nonce: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None

    def is_answered_by(self, password_age: float) -> bool:
        """Whether a session whose password was given so long ago (seconds) will do."""
        if self.prompt & {"login", "select_account"}:
            return False
        return self.max_age is None or password_age <= self.max_age


@dataclass(frozen=True)
class Code:
    """A code as it was kept. ``over``: its session has ended."""

    id: str
    client_id: str
    redirect_uri: str
    challenge: str
    expired: bool
    used: bool
    over: bool


def client(secret: str, grafana: str) -> Client:
    """Grafana, whose root is ``grafana`` for browsers. An empty secret is nobody's."""
    root = grafana.rstrip("/")
    return Client(CLIENT, secret, root + CALLBACK, (root, f"{root}/", f"{root}/login"))


def request(pairs: Pairs, known: Client) -> Request:
    """The authorization request in ``pairs`` (query or form).

    Raises :class:`NotOurs`, and :class:`RequestRefused` for what the client may be told.
    """
    sent = list(pairs)
    values, twice = _single(sent)
    if values.get("client_id") != known.id or "client_id" in twice:
        raise NotOurs("It names no client that may sign people in here.")
    if values.get("redirect_uri") != known.redirect_uri or "redirect_uri" in twice:
        raise NotOurs(
            f"People are to be sent back to {known.redirect_uri} and nowhere else; is "
            "GRAFANA_PUBLIC_URL what people open in the browser, for Grafana and the glue alike?"
        )
    state = values.get("state")
    try:
        return _request(values, twice, known)
    except OAuthError as error:
        kept = state if state is None or "state" not in twice else None
        raise RequestRefused(error.code, str(error), kept) from None


def _request(values: Mapping[str, str], twice: set[str], known: Client) -> Request:
    _check_sizes(values, twice)
    for name in ("request", "request_uri"):
        if name in values:
            raise OAuthError(f"{name}_not_supported", f"{name} is not supported")
    if not values.get("response_type"):
        raise OAuthError("invalid_request", "response_type is missing")
    if values["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if values.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query")
    asked = values.get("scope", "").split()
    if "openid" not in asked:
        raise OAuthError("invalid_scope", "scope must contain openid")
    if not _CHALLENGE.fullmatch(values.get("code_challenge", "")):
        raise OAuthError("invalid_request", "PKCE is required: a code_challenge of 43 characters")
    if values.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    prompt = frozenset(values.get("prompt", "").split())
    if "none" in prompt and len(prompt) > 1:
        raise OAuthError("invalid_request", "prompt none stands alone")
    age = values.get("max_age")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) < 10):
        raise OAuthError("invalid_request", "max_age is a number of seconds")
    return Request(
        client_id=known.id,
        redirect_uri=known.redirect_uri,
        challenge=values["code_challenge"],
        scope=" ".join(scope for scope in SCOPES if scope in asked),
        state=values.get("state"),
        nonce=values.get("nonce"),
        prompt=prompt,
        max_age=None if age is None else int(age),
    )


def redirect(uri: str, **values: str | None) -> str:
    """``uri`` with ``values`` in its query; None is left out."""
    added = urlencode({name: value for name, value in values.items() if value is not None})
    if not added:
        return uri
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{added}"


def asking_client(authorization: str | None, form: Mapping[str, str], known: Client) -> None:
    """Raises :class:`OAuthError` unless who asks for tokens is ``known``, by HTTP Basic or in the
    form, not both."""
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() == "basic":
        if secret:
            raise OAuthError("invalid_request", "the client is to authenticate in one way only")
        try:
            text = base64.b64decode(given.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise OAuthError("invalid_client", "the Authorization header is not Basic") from None
        user, _, password = text.partition(":")
        if name and name != unquote_plus(user):
            raise OAuthError("invalid_request", "client_id is another than in the header")
        name, secret = unquote_plus(user), unquote_plus(password)
    right = same(secret, known.secret)
    if not known.secret or name != known.id or not right:
        raise OAuthError("invalid_client", "client or its secret is wrong")


def token_form(body: str) -> dict[str, str]:
    """The form of a token request. Raises :class:`OAuthError`."""
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise OAuthError("invalid_request", "the form has too many fields") from None
    values, twice = _single(pairs)
    _check_sizes(values, twice)
    return values


def check_grant(form: Mapping[str, str]) -> str:
    """The code that tokens are asked for. Raises :class:`OAuthError`."""
    if not form.get("grant_type"):
        raise OAuthError("invalid_request", "grant_type is missing")
    if form["grant_type"] != "authorization_code":
        raise OAuthError("unsupported_grant_type", "grant_type must be authorization_code")
    if not form.get("code"):
        raise OAuthError("invalid_request", "code is missing")
    return form["code"]


def check_code(code: Code | None, form: Mapping[str, str], asked_by: str) -> None:
    """Raises :class:`OAuthError` unless the code is good for these tokens, for the first time."""
    if code is None or code.client_id != asked_by:
        raise OAuthError("invalid_grant", "there is no such code")
    if code.used:
        raise OAuthError("invalid_grant", "the code was used before")
    if code.expired or code.over:
        raise OAuthError("invalid_grant", "the code is over")
    if form.get("redirect_uri") != code.redirect_uri:
        raise OAuthError("invalid_grant", "redirect_uri is another than the code was sent to")
    verifier = form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier) or not same(challenge_of(verifier), code.challenge):
        raise OAuthError("invalid_grant", "code_verifier is not the one of code_challenge")


def challenge_of(verifier: str) -> str:
    """PKCE's S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def same(one: str, other: str) -> bool:
    """Compared in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def about(user_id: str, username: str, email: str, role: str, scope: str) -> dict[str, Any]:
    """Claims on a person. The role goes with the profile. Login and address are in small letters,
    as Grafana keeps them."""
    told: dict[str, Any] = {"sub": user_id}
    scopes = scope.split()
    if "profile" in scopes:
        told |= {"preferred_username": username.lower(), "name": username, "role": role}
    if "email" in scopes:
        told["email"] = email.lower()
    return told


def discovery(issuer: str) -> dict[str, Any]:
    """The provider's metadata (OpenID Connect Discovery 1.0)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "end_session_endpoint": f"{issuer}/oauth/logout",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "preferred_username", "name", "email", "role", "auth_time"],
        "prompt_values_supported": ["none", "login", "select_account"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def _single(pairs: Pairs) -> tuple[dict[str, str], set[str]]:
    """Values by name, and the names that came more than once, which OAuth forbids."""
    sent = list(pairs)
    times = Counter(name for name, _ in sent)
    return dict(sent), {name for name, count in times.items() if count > 1}


def _check_sizes(values: Mapping[str, str], twice: set[str]) -> None:
    if twice:
        raise OAuthError("invalid_request", "a parameter stands there twice")
    for name, value in values.items():
        if len(value) > LONGEST or "\x00" in value:
            raise OAuthError("invalid_request", "a parameter is longer than we take, or has NUL")
        if len(name) > LONGEST:
            raise OAuthError("invalid_request", "a parameter has an endless name")
