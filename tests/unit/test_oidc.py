"""Single sign-on's decisions: any input is a request, or refused in one of the known ways."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.core import oidc, signing

KNOWN = oidc.client("s3cret", "http://robots.example:3000/")
VALID = {
    "client_id": "grafana",
    "redirect_uri": "http://robots.example:3000/login/generic_oauth",
    "response_type": "code",
    "scope": "openid email",
    "code_challenge": oidc.challenge_of("v" * 43),
    "code_challenge_method": "S256",
}
NAMES = st.sampled_from([*VALID, "state", "nonce", "prompt", "max_age", "request", "response_mode"])
VALUES = st.one_of(st.text(max_size=60), st.sampled_from([*VALID.values(), "none", "login", "0"]))
CODE = oidc.Code("1", "grafana", KNOWN.redirect_uri, VALID["code_challenge"], False, False, False)
FORM = {"redirect_uri": KNOWN.redirect_uri, "code_verifier": "v" * 43}


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4), st.booleans())
def test_whatever_a_browser_brings_is_judged(more: list[tuple[str, str]], over: bool) -> None:
    """``over`` replaces the right values, else the others stand there twice."""
    changed = {name for name, _ in more} if over else set()
    pairs = [*((k, v) for k, v in VALID.items() if k not in changed), *more]
    refused: oidc.RequestRefused | None = None
    try:
        asked = oidc.request(pairs, KNOWN)
    except oidc.NotOurs:
        assert [v for k, v in pairs if k == "client_id"] != [KNOWN.id] or [
            v for k, v in pairs if k == "redirect_uri"
        ] != [KNOWN.redirect_uri]
    except oidc.RequestRefused as error:
        refused = error
    else:
        assert len({name for name, _ in pairs}) == len(pairs)
        assert asked.redirect_uri == KNOWN.redirect_uri and "openid" in asked.scope.split()
    if refused is not None:
        back = oidc.redirect(KNOWN.redirect_uri, error=refused.code, state=refused.state)
        assert back.startswith(KNOWN.redirect_uri + "?") and back.isascii()
        states = parse_qs(urlsplit(back).query, keep_blank_values=True).get("state", [None])
        assert states == [refused.state]


@given(st.text(max_size=200))
def test_whatever_a_server_posts_is_judged(body: str) -> None:
    for form in (body, f"grant_type=authorization_code&code=x&{body}"):
        try:
            read = oidc.token_form(form)
            oidc.asking_client(f"Basic {body}", read, KNOWN)
            oidc.check_code(CODE, read, oidc.check_grant(read))
        except oidc.OAuthError:
            continue


def test_the_client_may_have_characters_that_urls_do_not() -> None:
    odd = oidc.client("s:3 %+ü", "http://robots.example")
    given_ = base64.b64encode(b"grafana:s%3A3+%25%2B%C3%BC").decode()
    oidc.asking_client(f"basic {given_}", {}, odd)
    with pytest.raises(oidc.OAuthError):
        oidc.asking_client(f"basic {given_}", {}, KNOWN)
    with pytest.raises(oidc.OAuthError):
        oidc.asking_client("Basic Z3JhZmFuYTo=", {}, oidc.client("", "http://robots.example"))


@pytest.mark.parametrize("wrong", ["expired", "used", "over"])
def test_a_code_that_is_no_more(wrong: str) -> None:
    oidc.check_code(CODE, FORM, "grafana")
    with pytest.raises(oidc.OAuthError, match="over" if wrong != "used" else "used before"):
        oidc.check_code(oidc.Code(**{**vars(CODE), wrong: True}), FORM, "grafana")


def test_another_clients_code() -> None:
    with pytest.raises(oidc.OAuthError, match="no such code"):
        oidc.check_code(CODE, FORM, "kibana")


def test_how_old_a_password_may_be() -> None:
    asked = oidc.request({**VALID, "max_age": "60"}.items(), KNOWN)
    assert asked.is_answered_by(59.9) and not asked.is_answered_by(61)
    assert oidc.request(VALID.items(), KNOWN).is_answered_by(1e9)
    again = oidc.request({**VALID, "prompt": "select_account"}.items(), KNOWN)
    assert not again.is_answered_by(0)


def test_a_private_key_needs_the_secret_it_was_sealed_with() -> None:
    key = signing.make_key("one secret")
    assert "PRIVATE" not in str(vars(key))
    assert signing.opened(key, "one secret").is_private
    with pytest.raises(signing.SealedOtherwise, match="GLUE_JWT_SECRET"):
        signing.opened(key, "another secret")
