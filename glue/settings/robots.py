"""The robots and the broker that they publish to."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import SecretStr, field_validator

from glue.settings.group import Group, Port, setting


class Fleet(Group):
    """What is true of the robots themselves."""

    tz: str = setting("UTC", "FLEET_TZ", "Zone of the robots' clocks, whose times carry none.")
    robot_tz: dict[str, str] = setting(
        {},
        "FLEET_ROBOT_TZ",
        'JSON of robot id to zone, for robots elsewhere: {"r1": "Asia/Tokyo"}.',
    )
    registration: Literal["automatic", "pending"] = setting(
        "automatic",
        "FLEET_REGISTRATION",
        "What happens to a robot that sends but is not known: taken in, or kept for an admin.",
    )
    new_per_minute: int = setting(
        300,
        "FLEET_NEW_PER_MINUTE",
        "New robots registered by what they send, at most: a fleet of 2,000 is there within seven"
        " minutes, and who makes up ids does not fill the tables. What is over is counted, its"
        " metrics are stored, and a later message registers it.",
        "robots/min",
        ge=1,
        le=100_000,
    )
    waiting_max: int = setting(
        5000,
        "FLEET_WAITING_MAX",
        "Robots that may wait for an admin at a time: more than any fleet that is run with this,"
        " and few enough for the lists that show them.",
        "robots",
        ge=1,
        le=1_000_000,
    )
    silent_after: float = setting(
        60.0,
        "FLEET_SILENT_AFTER",
        "A robot unheard for this long, while we listened, is silent: six missed statuses.",
        "s",
        gt=0,
    )
    clock_behind: float = setting(
        600.0,
        "FLEET_CLOCK_BEHIND",
        "Robot time further behind (beyond a measured outage) falls back to arrival time. At most"
        " 840: beyond their window of 15 minutes, rules would not see the robot.",
        "s",
        gt=0,
        le=840,
    )
    clock_ahead: float = setting(
        60.0,
        "FLEET_CLOCK_AHEAD",
        "Robot time further ahead falls back to arrival time. At most 60: rules look no further.",
        "s",
        gt=0,
        le=60,
    )

    @field_validator("tz")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"{value!r} is no time zone; use a name like Europe/Berlin") from None
        return value

    @field_validator("robot_tz")
    @classmethod
    def _zones(cls, value: dict[str, str]) -> dict[str, str]:
        # Telegraf does not start with a zone that it does not know.
        return {robot: cls._zone(zone) for robot, zone in value.items()}


class Broker(Group):
    """The MQTT broker that the robots publish to."""

    host: str = setting(
        "127.0.0.1", "MQTT_BROKER_HOST", "Where the broker listens; mqtt://host:port does as well."
    )
    port: Port = setting(1883, "MQTT_BROKER_PORT", "MQTT's registered port.")
    username: str = setting(
        "", "MQTT_USERNAME", "Empty: no password, as on loopback.", pattern=r"^[^\s:]*$"
    )
    password: SecretStr = setting(
        SecretStr(""),
        "MQTT_PASSWORD",
        "Of MQTT_USERNAME, or of the user glue. Given to `tonypi up`, the broker asks for one on"
        " loopback too.",
    )
    always_asks: bool = setting(
        False,
        "MQTT_REQUIRE_PASSWORD",
        "Whether the broker of `tonypi up` asks for a password on loopback too.",
    )
    telegraf_password: SecretStr = setting(
        SecretStr(""), "MQTT_TELEGRAF_PASSWORD", "Of the user telegraf, with `tonypi up --lan`."
    )
    simulator_password: SecretStr = setting(
        SecretStr(""), "MQTT_SIMULATOR_PASSWORD", "Of the user simulator, with `tonypi up --lan`."
    )
    robots_username: str = setting(
        "robots",
        "MQTT_ROBOTS_USERNAME",
        "Name with which robots come to the broker.",
        pattern=r"^[^\s:]*$",
    )
    robots_password: SecretStr = setting(
        SecretStr(""), "MQTT_ROBOTS_PASSWORD", "Of MQTT_ROBOTS_USERNAME, with `tonypi up --lan`."
    )
    glue_client_id: str = setting(
        "tonypi-glue",
        "MQTT_GLUE_CLIENT_ID",
        "Names the glue's persistent session: the queue of events while the glue is away.",
    )
    telegraf_client_id: str = setting(
        "tonypi-telegraf",
        "MQTT_TELEGRAF_CLIENT_ID",
        "Names Telegraf's persistent session: the queue of metrics while Telegraf is away.",
    )
    in_flight: int = setting(
        1000,
        "MQTT_GLUE_IN_FLIGHT",
        "Events the broker may send before the glue has stored them (Mosquitto 2.0.11 keeps to it"
        " only at first; then its max_inflight_messages, 20,000, bounds the glue's memory).",
        "messages",
        ge=1,
        le=65535,
    )
    queue_messages: int = setting(
        1_000_000,
        "MQTT_QUEUE_MESSAGES",
        "How many messages the broker keeps for one absent or slow reader; what comes beyond is"
        " dropped, counted and an alert. A robot sends 5.7 a second: it is 3.5 hours of 14 robots,"
        " 29 minutes of 100, 6 of 500. Each takes 380 bytes of memory and its payload, on disk 140"
        " and its payload.",
        "messages",
        ge=1000,
        le=100_000_000,
    )
    queue_bytes: int = setting(
        512 * 1024 * 1024,
        "MQTT_QUEUE_BYTES",
        "Likewise, how many bytes of payload; a million messages of 500 bytes. With both limits as"
        " they are, a full queue takes 0.9 GB of the broker's memory.",
        "bytes",
        ge=1024 * 1024,
        le=1 << 40,
    )
