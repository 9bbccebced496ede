"""Single sign-on by protocol, the browser's side: what is granted, and each way to be refused."""

from __future__ import annotations

import time

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from glue.api.app import create_app
from glue.core import oidc
from tests.api import Api
from tests.conftest import SettingsFor
from tests.oidc import PASSWORD, VERIFIER, SignOn, asgi, claims_of, form_of, query

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
    (entry,) = await sign_on.api.logs("auth")
    assert entry["message"].startswith("somebody was refused POST /oauth/sign-in: sign-in of ada:")


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
