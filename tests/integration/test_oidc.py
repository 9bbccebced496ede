"""Single sign-on by protocol: what is granted, and every way in which it is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from glue import store
from glue.api.app import create_app
from glue.core import oidc, passwords, signing
from tests.api import Api, is_problem
from tests.conftest import SettingsFor
from tests.oidc import PASSWORD, VERIFIER, SignOn, form_of, own_in_grafana, query


def asgi(app: Any, **cookies: str) -> httpx.AsyncClient:
    """Who comes from Grafana, which has left its own cookie on the same host."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    made = httpx.AsyncClient(transport=transport, base_url="http://glue.test")
    for name, value in {"oauth_state": "grafana's", **cookies}.items():
        made.cookies.set(name, value, domain="glue.test", path="/")
    return made


@pytest.fixture
async def sign_on(api: Api) -> AsyncIterator[SignOn]:
    async with asgi(api.app) as browser, asgi(api.app) as server:
        made = SignOn(api, browser, server)
        await made.add_user("Ada", "operator")
        yield made


# --- what is granted


async def test_a_browser_signs_in_and_grafana_learns_who_it_is(sign_on: SignOn) -> None:
    page = await sign_on.authorize(nonce="n-1")
    assert page.status_code == 200
    back = await sign_on.fill_in(page, "ada")
    assert back.status_code == 303
    assert back.headers["location"].startswith(sign_on.redirect_uri + "?")
    came = query(back.headers["location"])
    issuer = sign_on.api.settings.glue_for_browsers
    assert (came["state"], came["iss"]) == ("a state & more", issuer)

    answer = await sign_on.exchange(came["code"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given["token_type"] == "Bearer" and given["scope"] == "openid profile email"
    assert 0 < given["expires_in"] <= sign_on.api.settings.sign_on.lives

    keys = KeySet.import_key_set((await sign_on.server.get("/oauth/jwks")).json())
    token = jwt.decode(given["id_token"], keys, ["RS256"])
    claims = CodeIDToken(token.claims, token.header, params={"nonce": "n-1"})
    claims.options = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": "grafana"},
        "nonce": {"essential": True},
    }
    claims.validate()
    assert abs(claims["auth_time"] - time.time()) < 60

    person = (await sign_on.userinfo(given["access_token"])).json()
    assert person == {
        "sub": claims["sub"],
        "preferred_username": "ada",
        "name": "Ada",
        "email": "ada@example.org",
        "role": "operator",
    }
    assert person.items() <= dict(token.claims).items()
    said = [entry["message"] for entry in await sign_on.api.logs("auth")]
    assert said == ["Ada gave the password for Grafana", "Ada signed in to Grafana"]


async def test_who_is_signed_in_is_not_asked_again(sign_on: SignOn) -> None:
    first = await sign_on.code()
    answer = await sign_on.authorize(prompt="none")
    assert answer.status_code == 302
    second = query(answer.headers["location"])["code"]
    assert second != first
    assert (await sign_on.exchange(second)).status_code == 200
    assert (await sign_on.authorize(prompt="login")).status_code == 200
    assert (await sign_on.authorize(max_age="0")).status_code == 200
    assert (await sign_on.authorize(max_age="1000")).status_code == 302
    by_post = await sign_on.browser.post("/oauth/authorize", data=sign_on.request())
    assert by_post.status_code == 302


async def test_only_what_was_asked_for_is_told(sign_on: SignOn) -> None:
    given = (await sign_on.exchange(await sign_on.code(scope="openid nonsense"))).json()
    assert given["scope"] == "openid"
    assert set((await sign_on.userinfo(given["access_token"])).json()) == {"sub"}
    assert "nonce" not in claims_of(given["id_token"])


async def test_the_provider_describes_itself(sign_on: SignOn) -> None:
    told = (await sign_on.server.get("/.well-known/openid-configuration")).json()
    # Authlib wants https for all; the rest of its checks hold for http too.
    issuer = told["issuer"]
    as_https = {
        k: v.replace("http:", "https:") if isinstance(v, str) else v for k, v in told.items()
    }
    OpenIDProviderMetadata(as_https).validate()
    paths = (await sign_on.server.get("/openapi.json")).json()["paths"]
    for name, url in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert url.removeprefix(issuer) in paths, name
    assert create_s256_code_challenge(VERIFIER) == oidc.challenge_of(VERIFIER)


@pytest.mark.parametrize("how", ["basic", "form"])
async def test_grafanas_server_may_say_its_secret_in_two_ways(sign_on: SignOn, how: str) -> None:
    code = await sign_on.code()
    in_form = {"auth": None, "client_id": "grafana", "client_secret": sign_on.secret}
    answer = await sign_on.exchange(code, **(in_form if how == "form" else {}))
    assert answer.status_code == 200


# --- requests that browsers bring

WRONG_CLIENT: list[dict[str, str | None]] = [
    {"client_id": "kibana"},
    {"client_id": None},
    {"redirect_uri": None},
    {"redirect_uri": "http://evil.example/login/generic_oauth"},
    {"redirect_uri": "//evil.example"},
    {"redirect_uri": "javascript:alert(1)"},
]


@pytest.mark.parametrize("changed", WRONG_CLIENT)
async def test_nobody_is_sent_to_where_grafana_is_not(
    sign_on: SignOn, changed: dict[str, str | None]
) -> None:
    await sign_on.code()
    answer = await sign_on.authorize(**changed)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "evil" not in answer.text and "<h1>This link does not work</h1>" in answer.text


@pytest.mark.parametrize("added", ["/", "/..", "?a=b", "#a", "%20", "\\@evil.example", "x"])
async def test_the_address_is_compared_letter_by_letter(sign_on: SignOn, added: str) -> None:
    answer = await sign_on.authorize(redirect_uri=sign_on.redirect_uri + added)
    assert answer.status_code == 400


WRONG_REQUEST: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"scope": None}, "invalid_scope"),
    ({"scope": "profile email"}, "invalid_scope"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": "+" * 43}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"request_uri": "https://evil.example/request"}, "request_uri_not_supported"),
    ({"prompt": "none"}, "login_required"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"max_age": "²"}, "invalid_request"),
    ({"nonce": "x" * 2001}, "invalid_request"),
    ({"nonce": "a\x00b"}, "invalid_request"),
]


@pytest.mark.parametrize(("changed", "error"), WRONG_REQUEST)
async def test_grafana_is_told_what_is_wrong(
    sign_on: SignOn, changed: dict[str, str | None], error: str
) -> None:
    answer = await sign_on.authorize(**changed)
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(sign_on.redirect_uri + "?")
    said = query(answer.headers["location"])
    assert (said["error"], said["state"]) == (error, "a state & more")
    assert said["error_description"] and "code" not in said


async def test_a_parameter_that_stands_there_twice_is_no_parameter(sign_on: SignOn) -> None:
    for name in ("client_id", "redirect_uri"):
        pairs = [*sign_on.request().items(), (name, sign_on.request()[name])]
        assert (await sign_on.browser.get("/oauth/authorize", params=pairs)).status_code == 400
    pairs = [*sign_on.request().items(), ("state", "another")]
    answer = await sign_on.browser.get("/oauth/authorize", params=pairs)
    said = query(answer.headers["location"])
    assert said["error"] == "invalid_request" and "state" not in said


# --- name and password


async def test_refusals_look_alike_on_the_page(sign_on: SignOn) -> None:
    await sign_on.add_user("gone", "viewer")
    await sign_on.api.rows("UPDATE users SET is_active = false WHERE username = 'gone'")
    pages = []
    for name, password in (("ada", "battery staple"), ("nobody", PASSWORD), ("gone", PASSWORD)):
        page = await sign_on.fill_in(await sign_on.authorize(), name, password)
        assert page.status_code == 403
        assert "User name or password is wrong." in page.text
        assert f'value="{name}"' in page.text and password not in page.text
        assert "tonypi_sso=" not in str(page.headers.get_list("set-cookie"))
        pages.append(page.text.replace(name, "NAME"))
    assert len(set(pages)) == 1
    assert (await sign_on.authorize(prompt="none")).status_code == 302
    assert "error=login_required" in (await sign_on.authorize(prompt="none")).headers["location"]


async def test_guessing_is_slowed_and_told(sign_on: SignOn) -> None:
    page = await sign_on.authorize()
    for _ in range(100):
        answer = await sign_on.fill_in(page, "nobody", "guess")
        if answer.status_code == 429:
            break
        assert answer.status_code == 403
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many failed logins; try again in" in answer.text


async def test_what_people_type_is_shown_as_text(sign_on: SignOn) -> None:
    name = '"><script>alert(1)</script>'
    page = await sign_on.fill_in(await sign_on.authorize(), name)
    assert "<script" not in page.text and "&quot;&gt;&lt;script&gt;" in page.text
    page = await sign_on.authorize(state='"><script>')
    assert "<script" not in page.text
    for password in (
        "",
        "x" * 300,
        "a\x00b",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ):
        assert (
            await sign_on.fill_in(await sign_on.authorize(), "ada", password)
        ).status_code == 403


async def test_the_page_is_closed_in_itself(sign_on: SignOn) -> None:
    page = await sign_on.authorize()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    grafana = sign_on.api.settings.grafana_for_browsers
    assert f"form-action 'self' {grafana};" in policy
    assert "unsafe" not in policy and "script" not in page.text and "http://www" not in page.text
    assert page.headers["cache-control"] == "no-store"
    for label in ("username", "password"):
        assert f'<label for="{label}">' in page.text and f'id="{label}"' in page.text
    (mark,) = page.headers.get_list("set-cookie")
    assert "HttpOnly" in mark and "SameSite=lax" in mark and "Path=/oauth" in mark
    assert "Secure" not in mark


async def test_a_form_from_elsewhere_signs_nobody_in(sign_on: SignOn) -> None:
    page = await sign_on.authorize()
    _, token = form_of(page)
    async with asgi(sign_on.api.app) as victim:
        theirs = SignOn(sign_on.api, victim, sign_on.server)
        data = {"username": "ada", "password": PASSWORD}
        for form_token in ("", token, "ü"):
            answer = await victim.post(
                "/oauth/sign-in", params=theirs.request(), data={**data, "form_token": form_token}
            )
            assert answer.status_code == 403 and "open for too long" in answer.text
        # A cookie that a program of the same host set, with a token of its own making.
        victim.cookies.set("tonypi_sso_form", "m" * 43, path="/oauth")
        answer = await victim.post(
            "/oauth/sign-in", params=theirs.request(), data={**data, "form_token": "m" * 43}
        )
        assert answer.status_code == 403
    assert [e["message"] for e in await sign_on.api.logs("auth")] == []


async def test_over_https_cookies_stay_there(api: Api, settings_for: SettingsFor) -> None:
    settings = settings_for(
        PGDATABASE=api.settings.postgres.database,
        GLUE_PUBLIC_URL="https://robots.example/glue/",
        GRAFANA_PUBLIC_URL="https://robots.example/grafana/",
    )
    app = create_app(settings, api.pool)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://robots.example") as browser:
        there = SignOn(Api(app, settings, api.pool, browser), browser, browser)
        await there.add_user("Ada", "operator")
        assert there.redirect_uri == "https://robots.example/grafana/login/generic_oauth"
        page = await there.authorize()
        (mark,) = page.headers.get_list("set-cookie")
        assert "Secure" in mark and "Path=/glue/oauth" in mark
        told = (await browser.get("/.well-known/openid-configuration")).json()
        assert told["issuer"] == "https://robots.example/glue"


# --- codes and tokens


async def refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


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


async def test_nobody_becomes_the_emergency_admin_by_address(sign_on: SignOn) -> None:
    address = sign_on.api.settings.grafana.admin_email.upper()
    await sign_on.api.rows("UPDATE users SET email = %(a)s WHERE username = 'Ada'", a=address)
    answer = await sign_on.fill_in(await sign_on.authorize(), "ada")
    assert answer.status_code == 403 and "emergency administrator" in answer.text
    assert not await sign_on.api.rows("SELECT * FROM oidc_codes")


# --- tokens that are none


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


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


# --- keys


async def test_services_and_restarts_share_their_keys(sign_on: SignOn) -> None:
    others = [create_app(sign_on.api.settings, sign_on.api.pool) for _ in range(4)]

    async def published(app: Any) -> list[str]:
        async with asgi(app) as client:
            return [key["kid"] for key in (await client.get("/oauth/jwks")).json()["keys"]]

    found = await asyncio.gather(*(published(app) for app in others))
    assert len(found[0]) == 1 and all(kids == found[0] for kids in found)
    given = (await sign_on.exchange(await sign_on.code())).json()
    async with asgi(others[0]) as other:
        elsewhere = SignOn(sign_on.api, other, other)
        assert (await elsewhere.userinfo(given["access_token"])).status_code == 200


async def test_a_key_signs_for_90_days_and_is_known_until_its_last_token_is_over(
    sign_on: SignOn,
) -> None:
    old = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
    await sign_on.api.rows("UPDATE oidc_keys SET made_at = now() - interval '90 days'")
    new = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
    assert signer(new) != signer(old)
    for token in (old, new):
        assert (await sign_on.userinfo(token)).status_code == 200
    keys = (await sign_on.server.get("/oauth/jwks")).json()["keys"]
    assert [key["kid"] for key in keys] == [signer(new), signer(old)]
    assert not any(set(key) & {"d", "p", "q", "dp", "dq", "qi"} for key in keys)
    await sign_on.api.rows("UPDATE oidc_keys SET made_at = made_at - interval '91 days'")
    newest = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
    keys = (await sign_on.server.get("/oauth/jwks")).json()["keys"]
    assert [key["kid"] for key in keys] == [signer(newest), signer(new)]


async def test_another_secret_makes_another_key(sign_on: SignOn, settings_for: SettingsFor) -> None:
    await sign_on.server.get("/oauth/jwks")
    settings = settings_for(
        PGDATABASE=sign_on.api.settings.postgres.database, GLUE_JWT_SECRET="y" * 40
    )
    async with asgi(create_app(settings, sign_on.api.pool)) as other:
        assert len((await other.get("/oauth/jwks")).json()["keys"]) == 2
        assert len((await other.get("/oauth/jwks")).json()["keys"]) == 2
    assert len((await sign_on.server.get("/oauth/jwks")).json()["keys"]) == 2


def signer(token: str) -> str:
    head = token.split(".", maxsplit=1)[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


# --- signing out


async def test_grafana_signs_out_without_a_question(sign_on: SignOn) -> None:
    given = (await sign_on.exchange(await sign_on.code())).json()
    grafana = sign_on.api.settings.grafana_for_browsers
    asked = {
        "id_token_hint": given["id_token"],
        "post_logout_redirect_uri": f"{grafana}/login",
        "state": "s 1",
    }
    answer = await sign_on.browser.get("/oauth/logout", params=asked)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{grafana}/login?state=s+1"
    assert "tonypi_sso" not in sign_on.browser.cookies
    assert (await sign_on.authorize()).status_code == 200
    await refused(await sign_on.userinfo(given["access_token"]), "invalid_token", 401)
    assert (await sign_on.api.logs("auth"))[-1]["message"] == "Ada signed out"


async def test_a_link_elsewhere_signs_nobody_out(sign_on: SignOn) -> None:
    await sign_on.add_user("bob", "viewer")
    async with asgi(sign_on.api.app) as other:
        theirs = SignOn(sign_on.api, other, other)
        bobs = (await theirs.exchange(await theirs.code("bob"))).json()["id_token"]
    await sign_on.code()
    for hint in ("", "x", bobs):
        params = {"id_token_hint": hint, "post_logout_redirect_uri": "http://evil.example"}
        asked = await sign_on.browser.get("/oauth/logout", params=params)
        assert asked.status_code == 200 and "Sign out?" in asked.text and "Ada" in asked.text
    assert (await sign_on.authorize()).status_code == 302
    forged = await sign_on.browser.post("/oauth/logout", data={"form_token": "x"})
    assert "Sign out?" in forged.text
    action, token = form_of(asked)
    done = await sign_on.browser.post(asked.url.join(action), data={"form_token": token})
    assert done.status_code == 200 and "Signed out" in done.text
    assert "evil" not in done.text
    assert (await sign_on.authorize()).status_code == 200


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


async def test_without_a_secret_there_is_no_single_sign_on(
    sign_on: SignOn, settings_for: SettingsFor
) -> None:
    settings = settings_for(
        PGDATABASE=sign_on.api.settings.postgres.database, GRAFANA_OAUTH_CLIENT_SECRET=""
    )
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
