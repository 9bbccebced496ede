"""Mosquitto: its persistent sessions are the durable queue of the whole pipeline.

``max_inflight_messages`` is how many messages a subscriber may have unacknowledged: with the
default of 20 Telegraf waits for InfluxDB most of the time. ``max_queued_messages`` defaults to
1,000, beyond which Mosquitto drops silently; here both limits are settings. Robots publish QoS 0,
so without ``upgrade_outgoing_qos`` and ``queue_qos0_messages`` nothing of theirs would be queued.
What it says of itself (``$SYS``) comes each ``sys_interval``: drops are an alert within 30 s.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import secrets
from collections.abc import Sequence
from pathlib import Path

from glue.core import topics
from glue.core.topics import TopicModel
from glue.settings import Broker
from glue.stack import lan, probe
from glue.stack.part import Part, Site

SAYS_EVERY = 5
"""Seconds between two messages of the broker's about itself."""

PASSWORD_ROUNDS = 101
"""What Mosquitto 2.0 takes itself; more would be paid at each robot's connection."""


def part(site: Site) -> Part:
    """The broker: on loopback without a password unless one is asked for, beyond it with one for
    each of its users."""
    broker, bind = site.settings.broker, site.settings.stack.bind
    data = site.data("mosquitto")
    config, logins, acl = (data / name for name in ("mosquitto.conf", "passwords", "acl"))
    user = _user()
    guarded = lan.asks(site.settings)
    addresses = [bind] if bind in (lan.ANY, lan.LOOPBACK) else [lan.LOOPBACK, bind]
    files = (str(logins), str(acl)) if guarded else ()
    text = configuration(broker, broker.port, str(data), user, addresses, *files)
    rules = {logins: passwords(broker), acl: access(broker, model(site.checkout))}
    return Part(
        name="mosquitto",
        command=(str(site.programs.need("mosquitto")), "-c", str(config)),
        cwd=data,
        user=user,
        folders=(data,),
        files={config: text, **(rules if guarded else {})},
        ready=lambda: probe.answers_mqtt(broker.port),
        port=broker.port,
        ready_within=30,
        hung_after=120,
        url=f"mqtt://{bind}:{broker.port}",
    )


def passwords(broker: Broker) -> str:
    """Text of the password file: a line for each of the broker's users that has a password."""
    known = {
        lan.TELEGRAF: broker.telegraf_password,
        lan.SIMULATOR: broker.simulator_password,
        broker.robots_username or lan.ROBOTS: broker.robots_password,
        broker.username: broker.password,
    }
    lines = (
        password_line(user, password.get_secret_value(), secrets.token_bytes(12))
        for user, password in known.items()
        # Without a password nobody is let in, rather than everybody.
        if user and password.get_secret_value()
    )
    return "".join(lines)


def model(checkout: Path) -> TopicModel:
    """What robots send and what they are sent."""
    file = checkout / "telegraf" / "topics.yml"
    return topics.parse(file.read_text(encoding="utf-8"), str(file))


def access(broker: Broker, model: TopicModel, anonymous: bool = False) -> str:
    """Text of the access list. Robots send what robots send, and obey; commands, the emergency stop
    and the message that says that we listen are the glue's alone. What robots send wrongly, under a
    family that is none or a root that is mistaken, must arrive to be counted. ``anonymous``: who
    comes without a name may do everything, as where the broker is on loopback and asks for none."""
    everything = ("topic readwrite #", "topic read $SYS/#")
    robot = (
        *(f"topic write {topic}" for topic in (*model.mistaken, *model.responses)),
        *(f"topic read {topic}" for topic in model.robots_read),
    )
    seen = (f"{model.root}/#", *model.mistaken, "$SYS/#")
    rules = {
        lan.TELEGRAF: tuple(f"topic read {topic}" for topic in seen),
        lan.SIMULATOR: robot,
        broker.robots_username or lan.ROBOTS: robot,
        broker.username: everything,
    }
    sections = [("user " + user, *lines) for user, lines in rules.items()]
    if anonymous:
        sections.insert(0, everything)
    # Patterns are for everybody with a login, after what stands for the user: what is denied here
    # the user's own lines allow still, which "topic deny" would not let them.
    denied = (f"pattern deny {topic}" for topic in model.glue_writes)
    sections.append((*denied, f"pattern write {model.root}/#"))
    return "".join("\n".join(section) + "\n\n" for section in sections)


def configuration(
    broker: Broker,
    port: int,
    data: str,
    user: str | None,
    addresses: Sequence[str] = (lan.LOOPBACK,),
    passwords: str = "",
    acl: str = "",
    anonymous: bool = False,
) -> str:
    """Text of ``mosquitto.conf``; with ``passwords``, a file of them, nobody comes in without, but
    for who gives no name where ``anonymous``."""
    # A root-started Mosquitto looks for a user of its own name and fails without one.
    identity = [] if user else ["user root"]
    entrance = ["allow_anonymous true"]
    if passwords:
        entrance = [f"allow_anonymous {str(anonymous).lower()}", f"password_file {passwords}"]
    if acl:
        entrance.append(f"acl_file {acl}")
    return "\n".join(
        [
            *identity,
            "per_listener_settings false",
            *(f"listener {port} {address}" for address in addresses),
            *entrance,
            "persistence true",
            f"persistence_location {data}/",
            # In seconds: what a power cut may take with it.
            "autosave_interval 10",
            "upgrade_outgoing_qos true",
            "queue_qos0_messages true",
            "max_inflight_messages 20000",
            f"max_queued_messages {broker.queue_messages}",
            f"max_queued_bytes {broker.queue_bytes}",
            f"sys_interval {SAYS_EVERY}",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "connection_messages false",
            "",
        ]
    )


def password_line(user: str, password: str, salt: bytes) -> str:
    """One line of a password file, as ``mosquitto_passwd`` of 2.0 writes it."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PASSWORD_ROUNDS)
    coded = (base64.b64encode(part).decode() for part in (salt, key))
    return f"{user}:$7${PASSWORD_ROUNDS}${'$'.join(coded)}\n"


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("mosquitto").pw_name
    except KeyError:
        return None
