"""Where browsers reach Grafana and the glue: both are told the same."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from glue.api.sign_on.authorize import client
from glue.settings import PROJECT, Settings, SettingsError, load
from glue.stack import containers, lan, public
from glue.stack.part import Site
from glue.stack.parts import glue, grafana
from glue.stack.programs import Programs, path_without

HOME = Path("/nowhere")
LAN_ADDRESS = "192.0.2.7"


@pytest.fixture(autouse=True)
def with_grafana(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is one on this machine does not matter here."""
    monkeypatch.setattr(Programs, "grafana", lambda self: HOME)


def settings(**environ: str) -> Settings:
    return load({"TONYPI_HOME": str(HOME), "GRAFANA_OAUTH_CLIENT_SECRET": "s3cret", **environ})


def told(made: Settings) -> tuple[dict[str, str], Settings]:
    """What Grafana is told, and the settings that the glue's process finds in its environment."""
    its = glue.part(Site(made, HOME, Programs(grafana_home=HOME))).env
    return grafana.environment(made, PROJECT, HOME), load(dict(its))


WAYS: list[tuple[dict[str, str], str, str, str]] = [
    ({}, "http://127.0.0.1:3000", "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    (
        {"GRAFANA_URL": "http://127.0.0.1:3001", "GLUE_PORT": "8001"},
        *("http://127.0.0.1:3001", "http://127.0.0.1:8001", "http://127.0.0.1:8001"),
    ),
    (
        {"TONYPI_BIND": lan.ANY, "GLUE_HOST": lan.ANY},
        *(f"http://{LAN_ADDRESS}:3000", f"http://{LAN_ADDRESS}:8000", "http://127.0.0.1:8000"),
    ),
    (
        {
            "TONYPI_BIND": "192.0.2.9",
            "GLUE_HOST": "192.0.2.9",
            "GRAFANA_URL": "http://192.0.2.9:3000",
        },
        *("http://192.0.2.9:3000", "http://192.0.2.9:8000", "http://192.0.2.9:8000"),
    ),
    (
        {
            "TONYPI_BIND": lan.ANY,
            "GLUE_HOST": lan.ANY,
            "GRAFANA_PUBLIC_URL": "https://robots.example/grafana/",
            "GLUE_PUBLIC_URL": "https://robots.example/glue/",
            "GLUE_INTERNAL_URL": "http://glue:8000/",
        },
        *("https://robots.example/grafana", "https://robots.example/glue", "http://glue:8000"),
    ),
]


@pytest.mark.parametrize(("environ", "seen", "ours", "inside"), WAYS)
def test_grafana_and_the_glue_agree(
    environ: dict[str, str], seen: str, ours: str, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lan, "addresses", lambda bind: [LAN_ADDRESS if bind == lan.ANY else bind])
    made = settings(**environ)
    assert (public.grafana(made), public.glue(made)) == (seen, ours)
    env, its = told(made)
    oauth = {k.removeprefix("GF_AUTH_GENERIC_OAUTH_"): v for k, v in env.items()}
    assert oauth["AUTH_URL"] == f"{ours}/oauth/authorize"
    assert oauth["TOKEN_URL"] == f"{inside}/oauth/token"
    assert oauth["API_URL"] == f"{inside}/oauth/userinfo"
    # What Grafana will send is what the glue takes, letter by letter.
    known = client(its)
    assert env["GF_SERVER_ROOT_URL"] + "login/generic_oauth" == known.redirect_uri
    assert (oauth["CLIENT_ID"], oauth["CLIENT_SECRET"]) == (known.id, known.secret)
    leave = urlsplit(oauth["SIGNOUT_REDIRECT_URL"])
    assert f"{leave.scheme}://{leave.netloc}{leave.path}" == f"{ours}/oauth/logout"
    (back,) = parse_qs(leave.query)["post_logout_redirect_uri"]
    assert back in known.signed_out_uris
    assert its.glue_for_browsers == ours


def test_without_a_secret_grafana_has_its_own_sign_in_alone() -> None:
    env, _ = told(settings(GRAFANA_OAUTH_CLIENT_SECRET=""))
    found = {name: value for name, value in env.items() if "OAUTH" in name}
    assert found == {"GF_AUTH_GENERIC_OAUTH_ENABLED": "false"}


@pytest.mark.parametrize(
    ("bind", "password", "wanted"),
    [
        (lan.LOOPBACK, "secret", {}),
        (lan.ANY, "secret", {"BASIC_AUTH_USERNAME": "metrics", "BASIC_AUTH_PASSWORD": "secret"}),
        ("192.168.1.5", "", {"ENABLED": "false"}),
    ],
)
def test_grafanas_figures_ask_for_a_password_beyond_loopback(
    bind: str, password: str, wanted: dict[str, str]
) -> None:
    env, _ = told(settings(TONYPI_BIND=bind, GRAFANA_METRICS_PASSWORD=password))
    prefix = "GF_METRICS_"
    assert {k.removeprefix(prefix): v for k, v in env.items() if k.startswith(prefix)} == wanted


def test_grafana_finds_no_program_for_sql_expressions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, program in (("with", "duckdb"), ("without", "other"), ("text", "duckdb")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / program).touch(mode=0o644 if folder == "text" else 0o755)
    folders = [tmp_path / name for name in ("with", "without", "text", "missing")]
    path = os.pathsep.join(["", *map(str, folders)])
    assert path_without("duckdb", path).split(os.pathsep) == [
        str(tmp_path / name) for name in ("without", "text", "missing")
    ]


def test_the_file_says_what_is_so_everywhere() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(PROJECT / "grafana" / "grafana.ini")
    oauth: Any = parser["auth.generic_oauth"]
    for name, value in {
        "enabled": False,
        "allow_sign_up": False,
        "skip_org_role_sync": True,
        "use_pkce": True,
    }.items():
        assert oauth.getboolean(name) is value, name
    assert parser["auth"].getboolean("oauth_allow_insecure_email_lookup") is True


def test_containers_reach_each_other_by_other_addresses_than_browsers_do() -> None:
    made = settings(
        GRAFANA_PUBLIC_URL="http://localhost:3001",
        GLUE_HOST="0.0.0.0",
        GLUE_PUBLIC_URL="http://localhost:8001",
        GLUE_INTERNAL_URL="http://glue:8000",
    )
    env = containers.grafana_environment(made)
    assert env["GF_AUTH_GENERIC_OAUTH_AUTH_URL"] == "http://localhost:8001/oauth/authorize"
    assert env["GF_AUTH_GENERIC_OAUTH_TOKEN_URL"] == "http://glue:8000/oauth/token"


@pytest.mark.parametrize(
    "url", ["robots.example", "ftp://x", "http://", "http://x/?a=b", "http://x#a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="GLUE_PUBLIC_URL"):
        settings(GLUE_PUBLIC_URL=url)
