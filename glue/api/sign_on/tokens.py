"""Single sign-on, what Grafana's server asks: tokens for a code, who a token is of, our keys.

Errors have OAuth's own shape here (RFC 6749, 5.2; RFC 6750, 3), since its clients read no other.
"""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from glue import store
from glue.api.conventions import access, clients, refusals
from glue.api.conventions.problems import documented
from glue.api.sign_on.authorize import ID_TOKEN, client
from glue.core import oidc, signing
from glue.settings import Settings
from glue.store import audit, users
from glue.store import oidc as kept
from glue.store.users import User

FORM = "application/x-www-form-urlencoded"
ACCESS_TOKEN = "at+jwt"
KEYS_GOOD_FOR = 300
"""Seconds. A key that is not among them makes clients ask again."""

_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"application/json": {"schema": _ERROR}}}
    for status, what in ((400, "Refused."), (401, "Not known."))
}

router = APIRouter(
    tags=["single sign-on"],
    route_class=access.Declared,
    dependencies=[access.anyone],
    responses=documented(503),
)


@router.get("/.well-known/openid-configuration")
async def discovery(request: Request) -> dict[str, Any]:
    """Where everything is, and what is offered (OpenID Connect Discovery)."""
    settings: Settings = request.app.state.settings
    return oidc.discovery(settings.glue_for_browsers)


@router.get("/oauth/jwks")
async def jwks(request: Request, response: Response) -> dict[str, Any]:
    """The public keys that our tokens are signed with, newest first."""
    response.headers["Cache-Control"] = f"public, max-age={KEYS_GOOD_FOR}"
    return {"keys": [dict(key.public) for key in await request.app.state.keyring.published()]}


@router.post(
    "/oauth/token",
    responses={**REFUSALS, **documented(413)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                FORM: {
                    "schema": {
                        "type": "object",
                        "properties": {
                            name: {"type": "string"}
                            for name in ("grant_type", "code", "redirect_uri", "code_verifier")
                        },
                    }
                }
            },
        }
    },
)
async def token(request: Request) -> Response:
    """An ID token and an access token for a code that has not been used."""
    settings: Settings = request.app.state.settings
    known = client(settings)
    try:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM:
            raise oidc.OAuthError("invalid_request", f"the body must be {FORM}")
        form = oidc.token_form((await request.body()).decode("utf-8", "replace"))
        oidc.asking_client(request.headers.get("authorization"), form, known)
        code, user = await _redeemed(request, form, known)
    except oidc.OAuthError as error:
        await _record(request, error)
        return _refusal(error)
    return JSONResponse(await _tokens(request, code, user), headers={"Cache-Control": "no-store"})


@router.get("/oauth/userinfo", responses=REFUSALS)
async def userinfo(request: Request) -> Response:
    """Who the access token is of, as long as that person is active and signed in."""
    return await _userinfo(request)


@router.post("/oauth/userinfo", responses=REFUSALS)
async def userinfo_by_post(request: Request) -> Response:
    """The same."""
    return await _userinfo(request)


async def _redeemed(
    request: Request, form: dict[str, str], known: oidc.Client
) -> tuple[kept.Code, User]:
    """The code, used up now whatever is wrong with it, and whom it stands for."""
    given = oidc.check_grant(form)
    async with store.transaction(request.app.state.pool) as conn:
        code = await kept.code(conn, given)
        if code is not None:
            await kept.code_came(conn, code.id)
            user = await users.by_id(conn, code.user_id)
    oidc.check_code(code.judged if code else None, form, known.id)
    if code is None or user is None or not user.is_active:
        raise oidc.OAuthError("invalid_grant", "this person may not sign in any more")
    return code, user


async def _tokens(request: Request, code: kept.Code, user: User) -> dict[str, Any]:
    settings: Settings = request.app.state.settings
    issuer, now = settings.glue_for_browsers, int(time.time())
    person = about(user, code.scope)
    ends = int(code.ends_at.timestamp())
    id_claims = {
        **person,
        "iss": issuer,
        "aud": oidc.CLIENT,
        "iat": now,
        "exp": now + oidc.ID_TOKEN_LIVES,
        "auth_time": int(code.signed_in_at.timestamp()),
    }
    if code.nonce is not None:
        id_claims["nonce"] = code.nonce
    access_claims = {
        "iss": issuer,
        "aud": f"{issuer}/oauth/userinfo",
        "sub": person["sub"],
        "client_id": oidc.CLIENT,
        "scope": code.scope,
        "iat": now,
        "exp": ends,
        "jti": code.id,
    }
    signed = await request.app.state.keyring.sign(
        (ID_TOKEN, id_claims), (ACCESS_TOKEN, access_claims)
    )
    async with store.transaction(request.app.state.pool) as conn:
        details = {"username": user.username, "client": oidc.CLIENT}
        await audit.record(conn, "auth", f"{user.username} signed in to Grafana", details=details)
    return {
        "access_token": signed[1],
        "token_type": "Bearer",
        "expires_in": max(1, ends - now),
        "scope": code.scope,
        "id_token": signed[0],
    }


async def _userinfo(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        challenge = {"WWW-Authenticate": 'Bearer realm="tonypi"'}
        refusals.because(request, "no access token")
        return JSONResponse({}, 401, challenge)
    issuer = settings.glue_for_browsers
    keys = await request.app.state.keyring.published()
    try:
        claims = signing.read(
            given.strip(),
            keys,
            ACCESS_TOKEN,
            time.time(),
            iss=issuer,
            aud=f"{issuer}/oauth/userinfo",
        )
    except signing.BadSignature as error:
        refusals.because(request, str(error))
        return _refusal(oidc.OAuthError("invalid_token", str(error)))
    async with store.transaction(request.app.state.pool) as conn:
        holder = await kept.holder(conn, str(claims["jti"]))
        user = await users.by_id(conn, holder) if holder else None
    if user is None:
        refusals.because(request, "this person is not signed in any more")
        return _refusal(oidc.OAuthError("invalid_token", "this person is not signed in any more"))
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(about(user, str(claims.get("scope", ""))), headers=headers)


def about(user: User, scope: str) -> dict[str, Any]:
    """Claims on ``user``."""
    return oidc.about(str(user.id), user.username, user.email, user.role, scope)


def _refusal(error: oidc.OAuthError) -> Response:
    headers = {"Cache-Control": "no-store"}
    if error.code == "invalid_client":
        headers["WWW-Authenticate"] = 'Basic realm="tonypi"'
    if error.code == "invalid_token":
        headers["WWW-Authenticate"] = 'Bearer realm="tonypi", error="invalid_token"'
    status = 401 if error.code in ("invalid_client", "invalid_token") else 400
    return JSONResponse({"error": error.code, "error_description": str(error)}, status, headers)


async def _record(request: Request, error: oidc.OAuthError) -> None:
    """A refused code or client is a mistake in the settings, or somebody tries."""
    if error.code in ("invalid_client", "invalid_grant"):
        address = clients.of(request).address
        details = {"address": address, "error": error.code}
        await refusals.record(request, address, f"tokens for Grafana refused: {error}", details)
