"""Single sign-on by protocol, codes and tokens: of one use, in the right hands, while in force."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from glue import store
from glue.api.app import create_app
from glue.api.conventions import body_limit
from glue.core import oidc, passwords, signing
from tests.api import Api, is_problem
from tests.conftest import SettingsFor
from tests.oidc import PASSWORD, VERIFIER, SignOn, asgi, claims_of, own_in_grafana, query, refused

# --- codes and tokens


WRONG_EXCHANGE: list[tuple[dict[str, Any], str, int]] = [
    ({"auth": ("grafana", "wrong")}, "invalid_client", 401),
    ({"auth": ("grafana", "")}, "invalid_client", 401),
    ({"auth": ("kibana", "wrong")}, "invalid_client", 401),
    ({"auth": None}, "invalid_client", 401),
    ({"auth": None, "client_id": "grafana"}, "invalid_client", 401),
    ({"auth": None, "headers": {"authorization": "Basic ???"}}, "invalid_client", 401),
    ({"client_secret": "twice"}, "invalid_request", 400),
    ({"client_id": "kibana"}, "invalid_request", 400),
    ({"grant_type": None}, "invalid_request", 400),
    ({"grant_type": "password"}, "unsupported_grant_type", 400),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type", 400),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type", 400),
    ({"code": None}, "invalid_request", 400),
    ({"code": "x" * 2001}, "invalid_request", 400),
]


@pytest.mark.parametrize(("changed", "error", "status"), WRONG_EXCHANGE)
async def test_who_is_not_grafana_gets_no_token_and_spoils_no_code(
    sign_on: SignOn, changed: dict[str, Any], error: str, status: int
) -> None:
    code = await sign_on.code()
    answer = await sign_on.exchange(**{"code": code, **changed})
    await refused(answer, error, status)
    if error == "invalid_client":
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert (await sign_on.exchange(code)).status_code == 200


WRONG_CODE: list[dict[str, Any]] = [
    {"code_verifier": None},
    {"code_verifier": "w" * 43},
    {"code_verifier": oidc.challenge_of(VERIFIER)},
    {"code_verifier": "v" * 44},
    {"code_verifier": "ü" * 43},
    {"redirect_uri": None},
    {"redirect_uri": "http://127.0.0.1:3000/"},
]


@pytest.mark.parametrize("changed", WRONG_CODE)
async def test_a_code_in_wrong_hands_is_worth_nothing_after(
    sign_on: SignOn, changed: dict[str, Any]
) -> None:
    code = await sign_on.code()
    await refused(await sign_on.exchange(code, **changed), "invalid_grant")
    await refused(await sign_on.exchange(code), "invalid_grant")
    (warned, again) = [e for e in await sign_on.api.logs("auth") if e["level"] == "WARNING"]
    assert "used before" in again["message"] and warned["details"]["error"] == "invalid_grant"


async def test_a_code_comes_once_and_a_second_time_ends_its_tokens(sign_on: SignOn) -> None:
    code = await sign_on.code()
    first = (await sign_on.exchange(code)).json()
    assert (await sign_on.userinfo(first["access_token"])).status_code == 200
    await refused(await sign_on.exchange(code), "invalid_grant")
    await refused(await sign_on.userinfo(first["access_token"]), "invalid_token", 401)


async def test_of_two_who_bring_one_code_at_once_one_gets_tokens(sign_on: SignOn) -> None:
    for _ in range(5):
        code = await sign_on.code()
        answers = await asyncio.gather(*(sign_on.exchange(code) for _ in range(8)))
        assert sorted(a.status_code for a in answers) == [200, *[400] * 7]


async def test_a_code_is_good_for_a_minute_and_for_its_client(sign_on: SignOn) -> None:
    code = await sign_on.code()
    await sign_on.api.rows("UPDATE oidc_codes SET expires_at = expires_at - interval '59 s'")
    assert (await sign_on.exchange(code)).status_code == 200
    code = await sign_on.code()
    await sign_on.api.rows("UPDATE oidc_codes SET expires_at = expires_at - interval '60 s'")
    await refused(await sign_on.exchange(code), "invalid_grant")
    code = await sign_on.code()
    await sign_on.api.rows("UPDATE oidc_codes SET client_id = 'kibana' WHERE used_at IS NULL")
    await refused(await sign_on.exchange(code), "invalid_grant")
    await refused(await sign_on.exchange("made up"), "invalid_grant")


async def test_nothing_that_opens_a_door_is_kept_as_it_is(sign_on: SignOn) -> None:
    code = await sign_on.code()
    given = (await sign_on.exchange(code)).json()
    kept = str(
        [
            await sign_on.api.rows(f"SELECT * FROM {table}")
            for table in ("oidc_codes", "oidc_browsers", "sessions", "oidc_keys", "system_logs")
        ]
    )
    cookie = sign_on.browser.cookies["tonypi_sso"]
    for secret in (
        code,
        given["access_token"],
        given["id_token"],
        cookie,
        PASSWORD,
        sign_on.secret,
    ):
        assert secret not in kept
    assert "PRIVATE" not in kept and "'d':" not in kept


async def test_deactivation_sign_out_and_a_new_password_count_at_once(sign_on: SignOn) -> None:
    ends = [
        "UPDATE users SET is_active = false WHERE username = 'Ada'",
        "UPDATE users SET password_hash = %(hash)s WHERE username = 'Ada'",
        "UPDATE sessions SET ended_at = now(), end_reason = 'test'",
        "UPDATE sessions SET expires_at = now()",
        "DELETE FROM users WHERE username = 'Ada'",
    ]
    kept = passwords.hashed(PASSWORD)
    for end in ends:
        access = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
        code = query((await sign_on.authorize(prompt="none")).headers["location"])["code"]
        await sign_on.api.rows(end, hash=passwords.hashed(PASSWORD))
        await refused(await sign_on.exchange(code), "invalid_grant")
        await refused(await sign_on.userinfo(access), "invalid_token", 401)
        assert (await sign_on.authorize()).status_code == 200, "asked again"
        await sign_on.api.rows(
            "UPDATE users SET is_active = true, password_hash = %(h)s WHERE username = 'Ada'",
            h=kept,
        )
        # Active again is not signed in again.
        assert (await sign_on.authorize()).status_code == 200


# --- whose account in Grafana


async def test_who_has_no_account_that_we_made_is_told(sign_on: SignOn) -> None:
    await sign_on.add_user("bob", "viewer", in_grafana=False)
    answer = await sign_on.fill_in(await sign_on.authorize(), "bob")
    assert answer.status_code == 403 and "Not in Grafana yet" in answer.text
    await own_in_grafana(sign_on.api, "bob")
    assert (await sign_on.authorize()).status_code == 302, "the password is not asked for again"


NOT_HERS = {
    "somebody else's account has her name": "user_id = gen_random_uuid()::text",
    "of before it was known whose it is": "user_id = NULL",
    "not looked at yet": "email = NULL",
    "Grafana would find another account": "email = 'old@example.org'",
    "signed in before, but not hers": "external = true, user_id = gen_random_uuid()::text",
    "a team": "kind = 'team'",
}


@pytest.mark.parametrize("seen", NOT_HERS.values(), ids=NOT_HERS)
async def test_nobody_is_sent_to_an_account_that_is_not_surely_theirs(
    sign_on: SignOn, seen: str
) -> None:
    await sign_on.api.rows(f"UPDATE grafana_objects SET {seen} WHERE name = 'ada'")
    answer = await sign_on.fill_in(await sign_on.authorize(), "ada")
    assert answer.status_code == 403 and "Not in Grafana yet" in answer.text
    assert not await sign_on.api.rows("SELECT * FROM oidc_codes")


async def test_an_address_of_somebody_else_in_grafana_opens_nothing(sign_on: SignOn) -> None:
    """Also one that came past the API: Grafana's account of that address is another's."""
    await sign_on.api.rows("UPDATE users SET email = 'boss@example.org' WHERE username = 'Ada'")
    answer = await sign_on.fill_in(await sign_on.authorize(), "ada")
    assert answer.status_code == 403 and "Not in Grafana yet" in answer.text
    await sign_on.api.rows("UPDATE grafana_objects SET email = 'Boss@example.org'")
    assert (await sign_on.authorize()).status_code == 302


async def test_who_signed_in_before_is_known_by_more_than_the_address(sign_on: SignOn) -> None:
    await sign_on.api.rows(
        "UPDATE grafana_objects SET external = true, email = 'old@example.org' WHERE name = 'ada'"
    )
    assert await sign_on.code()


async def test_nobody_becomes_the_emergency_admin_by_address(sign_on: SignOn) -> None:
    address = sign_on.api.settings.grafana.admin_email.upper()
    await sign_on.api.rows("UPDATE users SET email = %(a)s WHERE username = 'Ada'", a=address)
    answer = await sign_on.fill_in(await sign_on.authorize(), "ada")
    assert answer.status_code == 403 and "emergency administrator" in answer.text
    assert not await sign_on.api.rows("SELECT * FROM oidc_codes")


# --- tokens that are none


async def test_only_our_access_tokens_tell_who_somebody_is(sign_on: SignOn) -> None:
    given = (await sign_on.exchange(await sign_on.code())).json()
    claims = claims_of(given["access_token"])
    keys = (await sign_on.server.get("/oauth/jwks")).json()["keys"]
    (public,) = (RSAKey.import_key(key) for key in keys)
    stranger = RSAKey.generate_key(2048, {"kid": public.kid})
    header = {"typ": "at+jwt", "kid": public.kid}
    as_secret = OctKey.import_key(base64.urlsafe_b64encode(public.as_pem(private=False)))
    secret = sign_on.api.settings.glue.jwt_secret.get_secret_value()
    head, body, signature = given["access_token"].split(".")
    bad = [
        given["id_token"],
        jwt.encode({**header, "alg": "RS256"}, claims, stranger),
        jwt.encode({**header, "alg": "HS256"}, claims, as_secret),
        jwt.encode({**header, "alg": "HS256"}, claims, OctKey.import_key(secret)),
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{body}.{signature[:-6]}AAAAAA",
        "x",
        "ü",
        "",
    ]
    for token in bad:
        answer = await sign_on.userinfo(token)
        assert answer.status_code == 401, token
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for ours in (given["access_token"], given["id_token"]):
        headers = {"authorization": f"Bearer {ours}"}
        assert is_problem(await sign_on.server.get("/api/v1/auth/me", headers=headers), 401)
    assert (await sign_on.userinfo(given["access_token"])).status_code == 200
    assert (await sign_on.server.get("/oauth/userinfo")).status_code == 401


# --- when something is not there


async def test_people_are_told_when_the_database_is_away(
    sign_on: SignOn, settings_for: SettingsFor
) -> None:
    settings = settings_for(PGPORT=1)
    app = create_app(settings, store.open_pool(settings.postgres))
    async with asgi(app, tonypi_sso="x") as browser:
        away = SignOn(Api(app, settings, sign_on.api.pool, browser), browser, browser)
        for answer in (
            await away.authorize(),
            await browser.get("/oauth/logout"),
        ):
            assert answer.status_code == 503 and "database cannot be reached" in answer.text
            assert int(answer.headers["retry-after"]) > 0
        assert is_problem(await away.exchange("x"), 503)


async def test_endless_bodies_are_cut_off(sign_on: SignOn) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    large = b"code=" + b"x" * body_limit.MOST

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    for path in ("/oauth/token", "/oauth/authorize", "/oauth/logout", "/oauth/sign-in"):
        for content in (large, chunks()):
            answer = await sign_on.browser.post(
                path, params=sign_on.request(), content=content, headers=headers
            )
            assert is_problem(answer, 413)


@pytest.mark.parametrize("lacking", ["GRAFANA_OAUTH_CLIENT_SECRET", "GRAFANA_URL"])
async def test_without_a_secret_or_a_grafana_there_is_no_single_sign_on(
    sign_on: SignOn, settings_for: SettingsFor, lacking: str
) -> None:
    settings = settings_for(PGDATABASE=sign_on.api.settings.postgres.database, **{lacking: ""})
    async with asgi(create_app(settings, sign_on.api.pool)) as other:
        off = SignOn(sign_on.api, other, other)
        assert (await off.authorize()).status_code == 404
        await refused(await off.exchange("x", auth=("grafana", "")), "invalid_client", 401)
        await refused(
            await off.exchange("x", auth=None, client_id="grafana", client_secret=""),
            "invalid_client",
            401,
        )


async def test_a_sign_in_that_began_at_another_name_begins_again(
    api: Api, settings_for: SettingsFor
) -> None:
    """``localhost`` for ``127.0.0.1``: Grafana's cookie stayed there."""
    settings = settings_for(PGDATABASE=api.settings.postgres.database)
    app = create_app(settings, api.pool)
    transport = httpx.ASGITransport(app)
    root = settings.glue_for_browsers
    async with httpx.AsyncClient(transport=transport, base_url=root) as browser:
        here = SignOn(Api(app, settings, api.pool, browser), browser, browser)
        first = await here.authorize()
        assert first.headers["location"] == f"{settings.grafana_for_browsers}/login/generic_oauth"
        assert (await here.authorize()).status_code == 200, "only once"
        browser.cookies.clear()
        browser.cookies.set("oauth_state", "grafana's", path="/")
        assert (await here.authorize()).status_code == 200


def test_a_leap_of_the_clock_is_borne_for_a_minute() -> None:
    key = signing.make_key("s" * 32)
    now = int(time.time())
    token = signing.sign({"exp": now, "iat": now}, signing.opened(key, "s" * 32), "JWT")
    assert signing.read(token, [key], "JWT", now + 59)
    with pytest.raises(signing.BadSignature, match="expired"):
        signing.read(token, [key], "JWT", now + 61)
    with pytest.raises(signing.BadSignature, match="another kind"):
        signing.read(token, [key], "at+jwt", now)
