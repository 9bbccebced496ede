"""Mosquitto: its persistent sessions are the durable queue of the whole pipeline.

``max_inflight_messages`` is how many messages a subscriber may have unacknowledged: with the
default of 20 Telegraf waits for InfluxDB most of the time. ``max_queued_messages`` defaults to
1,000, beyond which Mosquitto drops silently; here bytes are the bound. Robots publish QoS 0, so
without ``upgrade_outgoing_qos`` and ``queue_qos0_messages`` nothing of theirs would be queued.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pwd

from glue.stack import probe
from glue.stack.part import Part, Site

QUEUED_MESSAGES = 1_000_000
QUEUED_BYTES = 512 * 1024 * 1024
"""A Raspberry Pi 5 has 4 or 8 GB; an hour of 600 messages/s of 200 bytes is 430 MB."""

PASSWORD_ROUNDS = 101
"""What Mosquitto 2.0 takes itself; more would be paid at each robot's connection."""


def part(site: Site) -> Part:
    """The broker on loopback, without a password."""
    broker = site.settings.broker
    data = site.data("mosquitto")
    config = data / "mosquitto.conf"
    user = _user()
    return Part(
        name="mosquitto",
        command=(str(site.programs.need("mosquitto")), "-c", str(config)),
        cwd=data,
        user=user,
        folders=(data,),
        files={config: configuration(broker.port, str(data), user)},
        ready=lambda: probe.accepts("127.0.0.1", broker.port),
        ready_within=30,
        url=f"mqtt://127.0.0.1:{broker.port}",
    )


def configuration(
    port: int, data: str, user: str | None, address: str = "127.0.0.1", passwords: str = ""
) -> str:
    """Text of ``mosquitto.conf``; with ``passwords``, a file of them, nobody comes in without."""
    # A root-started Mosquitto looks for a user of its own name and fails without one.
    identity = [] if user else ["user root"]
    entrance = ["allow_anonymous true"]
    if passwords:
        entrance = ["allow_anonymous false", f"password_file {passwords}"]
    return "\n".join(
        [
            *identity,
            "per_listener_settings false",
            f"listener {port} {address}",
            *entrance,
            "persistence true",
            f"persistence_location {data}/",
            # In seconds: what a power cut may take with it.
            "autosave_interval 10",
            "upgrade_outgoing_qos true",
            "queue_qos0_messages true",
            "max_inflight_messages 20000",
            f"max_queued_messages {QUEUED_MESSAGES}",
            f"max_queued_bytes {QUEUED_BYTES}",
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
