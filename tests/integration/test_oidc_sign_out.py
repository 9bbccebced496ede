"""Signing out at Grafana and at the glue: by Grafana's own request, by nobody else's link."""

from __future__ import annotations

from tests.oidc import SignOn, asgi, form_of, refused


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
    assert (await sign_on.api.logs("auth"))[-1]["message"] == "Ada signed out"
    await refused(await sign_on.userinfo(given["access_token"]), "invalid_token", 401)


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


async def test_a_post_from_elsewhere_takes_no_cookie_away(sign_on: SignOn) -> None:
    """Lax cookies do not come with another site's post: its answer must not remove them."""
    await sign_on.code()
    async with asgi(sign_on.api.app) as without_cookies:
        answer = await without_cookies.post("/oauth/logout", data={})
    assert answer.status_code == 200 and "Signed out" in answer.text
    assert answer.headers.get_list("set-cookie") == []
    assert (await sign_on.authorize()).status_code == 302
