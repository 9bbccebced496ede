"""No documented password is ever reachable from another machine."""

from __future__ import annotations

import pytest

from glue import settings as settings_module
from glue.core import demo, passwords
from glue.settings import SettingsError


def load(tmp_path, **environ: str):  # type: ignore[no-untyped-def]
    return settings_module.load({"TONYPI_HOME": str(tmp_path), **environ})


@pytest.mark.parametrize(
    "open_to_others",
    [
        {"GLUE_HOST": "0.0.0.0"},
        {"GLUE_HOST": "192.168.1.5"},
        {"GLUE_HOST": "::"},
        {"GLUE_HOST": "robots.example.org"},
        {"TONYPI_BIND": "0.0.0.0"},
        {"MQTT_BROKER_HOST": "192.168.1.5"},
        {"GRAFANA_URL": "http://192.168.1.5:3000"},
        {"GRAFANA_PUBLIC_URL": "https://grafana.example.org"},
        {"PGHOST": "db.example.org"},
        {"INFLUXDB_URL": "http://10.0.0.1:8086"},
        {"GLUE_TRUSTED_PROXIES": "127.0.0.1"},
    ],
    ids=lambda given: "=".join(*given.items()),
)
def test_demo_mode_refuses_whatever_others_could_reach(tmp_path, open_to_others) -> None:  # type: ignore[no-untyped-def]
    (name,) = open_to_others
    with pytest.raises(SettingsError, match=f"GLUE_DEMO with {name}"):
        demo.check(load(tmp_path, GLUE_DEMO="1", **open_to_others))
    demo.check(load(tmp_path, **open_to_others))


def test_demo_mode_is_fine_on_loopback(tmp_path) -> None:  # type: ignore[no-untyped-def]
    demo.check(load(tmp_path, GLUE_DEMO="1"))
    demo.check(load(tmp_path, GLUE_DEMO="1", GRAFANA_URL="", PGHOST="/run/postgresql"))
    demo.check(load(tmp_path, GLUE_DEMO="1", GLUE_HOST="::1", GRAFANA_URL="http://[::1]:3000"))


@pytest.mark.parametrize("name", demo.DOCUMENTED)
def test_documented_passwords_cannot_be_chosen(name: str) -> None:
    documented = demo.DOCUMENTED[name]
    assert passwords.objection(documented)
    assert demo.is_documented(documented)
    assert demo.opens(name.upper(), documented, demo=True, from_here=True)
    assert not demo.opens(name, documented, demo=False, from_here=True)
    assert not demo.opens(name, documented, demo=True, from_here=False)
    assert not demo.opens("somebody", documented, demo=True, from_here=True)


@pytest.mark.parametrize(
    ("peer", "host", "forwarded", "here"),
    [
        ("127.0.0.1", "127.0.0.1:8000", False, True),
        ("127.0.0.1", "localhost:8000", False, True),
        ("::1", "[::1]:8000", False, True),
        ("192.168.1.7", "127.0.0.1:8000", False, False),
        ("127.0.0.1", "127.0.0.1:8000", True, False),
        ("127.0.0.1", "evil.example.org:8000", False, False),
        ("127.0.0.1", "192.168.1.5:8000", False, False),
        ("127.0.0.1", "", False, False),
    ],
)
def test_what_is_of_this_machine(peer: str, host: str, forwarded: bool, here: bool) -> None:
    assert demo.from_here(peer, host, forwarded) is here
