"""Beyond loopback: what follows from the address, and what each of the broker's users may."""

from __future__ import annotations

import pytest

from glue.settings import PROJECT, load
from glue.stack import lan
from glue.stack.parts import mosquitto


@pytest.mark.parametrize(
    ("bind", "opened", "near"),
    [
        ("127.0.0.1", False, "127.0.0.1"),
        ("localhost", False, "127.0.0.1"),
        ("0.0.0.0", True, "127.0.0.1"),
        ("192.168.1.5", True, "192.168.1.5"),
    ],
)
def test_who_reaches_what_listens_there(bind: str, opened: bool, near: str) -> None:
    assert lan.is_open(bind) is opened
    assert lan.near(bind) == near


def test_passwords_are_made_once_and_outlive_going_back_to_loopback() -> None:
    first = lan.settled("0.0.0.0", {})
    assert {len(first[name]) >= 32 for name in lan.PASSWORDS} == {True}
    assert len({first[name] for name in lan.PASSWORDS}) == len(lan.PASSWORDS)
    back = first | lan.settled("127.0.0.1", first)
    assert back["GLUE_HOST"] == "127.0.0.1"
    again = lan.settled("192.168.1.5", back)
    assert [again[name] for name in lan.PASSWORDS] == [first[name] for name in lan.PASSWORDS]


def test_new_robots_wait_for_an_admin_once_a_stack_is_opened() -> None:
    first = lan.settled("0.0.0.0", {})
    assert first["FLEET_REGISTRATION"] == "pending"
    assert lan.settled("0.0.0.0", {"FLEET_REGISTRATION": "automatic"})["FLEET_REGISTRATION"] == (
        "automatic"
    )
    # One that was open before keeps what it had.
    assert "FLEET_REGISTRATION" not in lan.settled("0.0.0.0", {"MQTT_ROBOTS_PASSWORD": "p"})
    assert "FLEET_REGISTRATION" not in lan.settled("127.0.0.1", {})


@pytest.mark.parametrize("address", ["198.51.100.7", "nonsense", "::1", ""])
def test_only_an_address_of_this_machine_can_be_listened_on(address: str) -> None:
    with pytest.raises(lan.AddressUnusable, match="hostname -I"):
        lan.checked(address)
    assert lan.checked("127.0.0.1") == "127.0.0.1"


def test_with_passwords_nobody_is_anonymous_and_a_given_address_leaves_loopback_open() -> None:
    text = mosquitto.configuration(
        load({}).broker,
        1883,
        "/data",
        None,
        ["127.0.0.1", "192.168.1.5"],
        "/data/passwords",
        "/data/acl",
    ).splitlines()
    assert [line for line in text if line.startswith("listener")] == [
        "listener 1883 127.0.0.1",
        "listener 1883 192.168.1.5",
    ]
    assert "allow_anonymous false" in text
    assert "allow_anonymous true" not in text
    assert {"password_file /data/passwords", "acl_file /data/acl"} <= set(text)


def test_robots_write_all_but_the_control_topics_and_of_those_the_responses() -> None:
    """tests/integration/test_broker_access.py has the same of the broker."""
    broker = load({"MQTT_USERNAME": "glue"}).broker
    model = mosquitto.model(PROJECT)
    text = mosquitto.access(broker, model)
    *users, patterns = text.strip().split("\n\n")
    sections = dict(part.split("\n", 1) for part in users)
    rules = sections["user robots"].splitlines()
    assert sorted(rules) == sorted(
        [
            *(f"topic write {root}/#" for root in model.mistaken_roots),
            "topic write tonypi/commands/response",
            "topic write tonypi/emergency_stop/response",
            "topic read tonypi/commands/#",
            "topic read tonypi/emergency_stop/#",
        ]
    )
    assert patterns.splitlines() == [
        "pattern deny tonypi/commands/#",
        "pattern deny tonypi/emergency_stop/#",
        "pattern deny tonypi/pipeline/#",
        "pattern write tonypi/#",
    ]
    assert sections["user simulator"] == sections["user robots"]
    assert "write" not in sections["user telegraf"]
    assert not text.startswith("topic")
    assert mosquitto.access(broker, mosquitto.model(PROJECT), True).startswith("topic readwrite #")
