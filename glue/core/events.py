"""What robots tell us besides metrics: a message in, typed events or the reason of refusal out.

Two steps, because a robot's zone is known only once its id is: :func:`envelope` finds who speaks,
:func:`events` what is said. The topic's id wins over the payload's: the broker's access rules can
guard it. A part that is unusable is left out and counted; the rest of the message is kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from glue.core import commands
from glue.core import payload as json_payload
from glue.core.commands import Answer
from glue.core.payload import Reader, Refused
from glue.core.robot_id import is_robot_id
from glue.core.robot_time import RobotClocks, naive_gap

ROOT = "tonypi"
HEARTBEAT = f"{ROOT}/pipeline/heartbeat"
RESPONSES = {f"{ROOT}/commands/response": "command", f"{ROOT}/emergency_stop/response": "emergency"}
FAMILIES = ("status", "location", "battery", "job", "logs", "scan", "vision")
SUBSCRIPTIONS = (*(f"{ROOT}/{name}/#" for name in FAMILIES), *RESPONSES, HEARTBEAT)
"""With ``#``, so that an id with a slash is refused and counted, not unheard."""

STATUS_WORDS = ("online", "offline", "error")
"""Any other word of a status (idle, charging, ...) means online."""
JOB_WORDS = ("started", "working", "in_progress", "completed", "cancelled", "failed")
LEVELS = {
    "TRACE": "INFO",
    "DEBUG": "INFO",
    "INFO": "INFO",
    "NOTICE": "INFO",
    "WARN": "WARNING",
    "WARNING": "WARNING",
    "ERROR": "ERROR",
    "ERR": "ERROR",
    "CRITICAL": "CRITICAL",
    "FATAL": "CRITICAL",
}
CAMERA_SCHEMES = ("http", "https", "rtsp")
CAMERA_MOST = 255
FARTHEST_M = 1.0e6


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message whose sender is known. ``family`` is the topic's second level."""

    family: str
    robot_id: str
    doc: dict[str, Any]
    topic: str = ""
    unstorable: frozenset[str] = frozenset()
    """Keys of ``doc`` whose number cannot be stored."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One count in ``refused_messages``."""

    family: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Status:
    """None: the message does not say."""

    robot_id: str
    status: str | None = None
    reported_status: str | None = None
    """The word as it was sent."""
    ip_address: str | None = None
    camera_url: str | None = None
    system_info: dict[str, Any] | None = None
    emergency_stopped: bool | None = None
    emergency_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Metres, degrees; only what was sent."""

    robot_id: str
    location: dict[str, float]


@dataclass(frozen=True, slots=True)
class JobReport:
    """``word`` is one of JOB_WORDS; ``start`` and ``end`` are on our clock, percent is 0 to 100."""

    robot_id: str
    word: str
    at: datetime
    start: datetime | None = None
    end: datetime | None = None
    items_done: int | None = None
    items_total: int | None = None
    percent: float | None = None
    task_name: str | None = None
    phase: str | None = None
    reason: str | None = None
    last_item: dict[str, Any] | None = None
    success: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a robot has just handled: the last item of its job."""

    robot_id: str
    at: datetime
    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vision:
    """What the camera made out; only a change of it is worth a line."""

    robot_id: str
    seen: tuple[str, str]
    line: LogLine


@dataclass(frozen=True, slots=True)
class LogLine:
    """One row of ``system_logs``."""

    robot_id: str
    level: str
    category: str
    message: str
    at: datetime
    details: dict[str, Any] | None = None


Event = Status | Location | JobReport | Scan | Vision | LogLine | Answer


def envelope(topic: str, payload: bytes) -> Envelope | Refusal:
    """Who says something. The payload is read once, here."""
    parts = topic.split("/", 2)
    family = parts[1] if len(parts) > 1 else ""
    try:
        if family not in FAMILIES and topic not in RESPONSES:
            raise Refused("unknown_topic", topic[:100])
        doc, unstorable = json_payload.read(payload)
        named = parts[2] if len(parts) == 3 and topic not in RESPONSES else ""
        robot_id = named or doc.get("robot_id")
        if robot_id is None or robot_id == "":
            raise Refused("missing_id", f"neither {topic[:100]} nor its payload names a robot")
        if not is_robot_id(robot_id):
            raise Refused("bad_id", repr(robot_id)[:100])
    except Refused as no:
        known = family if family in FAMILIES or topic in RESPONSES else "unknown"
        return Refusal(known, no.reason, no.detail)
    return Envelope(family, robot_id, doc, topic, unstorable)


def events(
    said: Envelope, clocks: RobotClocks, arrival: datetime
) -> tuple[list[Event], list[Refusal]]:
    """What is said, and which parts of it are refused. Battery messages say only: I live."""
    reader = Reader(said.doc, said.unstorable)
    make = _MAKERS.get(said.topic) or _MAKERS.get(said.family)
    made = make(said, reader, clocks, arrival) if make else []
    return made, [Refusal(said.family, no.reason, no.detail) for no in reader.bad]


def introduces(made: list[Event], refused: list[Refusal]) -> bool:
    """Whether a message makes its sender known: something in it is usable, or nothing is wrong
    with it. A status without a word is not enough."""
    return not refused or any(not isinstance(one, Status) or one.status for one in made)


def _status(said: Envelope, reader: Reader, _: RobotClocks, __: datetime) -> list[Event]:
    word = (reader.text("status", most=50) or "").strip()
    known = word.lower() if word.lower() in STATUS_WORDS else "online"
    return [
        Status(
            said.robot_id,
            known if word else None,
            word or None,
            _ip_address(reader),
            _camera_url(reader),
            reader.record("system_info"),
            reader.flag("emergency_stopped"),
            reader.text("emergency_reason", most=500) or None,
        )
    ]


def _ip_address(reader: Reader) -> str | None:
    text = reader.text("ip_address", most=100)
    if not text:
        return None
    try:
        return str(ipaddress.ip_address(text.split("%", 1)[0]))
    except ValueError:
        reader.refuse("wrong_type", "ip_address", text)
        return None


def _camera_url(reader: Reader) -> str | None:
    """Dashboards link to it, so it must not be a script."""
    text = reader.text("camera_url", most=1000)
    if not text:
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme.lower() in CAMERA_SCHEMES and parts.netloc and text.isprintable()
    except ValueError:
        good = False
    if not good or len(text) > CAMERA_MOST or set(text) & set(" \"'<>"):
        reader.refuse("out_of_range" if good else "wrong_type", "camera_url", text)
        return None
    return text


def _location(said: Envelope, reader: Reader, _: RobotClocks, __: datetime) -> list[Event]:
    spot = {
        axis: value
        for axis in ("x", "y", "z")
        if (value := reader.number(axis, low=-FARTHEST_M, high=FARTHEST_M)) is not None
    }
    heading = reader.number("heading", low=-360, high=360)
    if heading is not None:
        spot["heading"] = heading
    if not spot and not reader.bad:
        reader.refuse("wrong_type", "location", "none of x, y, z")
    return [Location(said.robot_id, spot)] if spot else []


def _job(said: Envelope, reader: Reader, clocks: RobotClocks, arrival: datetime) -> list[Event]:
    word = (reader.text("status", most=50) or "").lower()
    if word not in JOB_WORDS:
        reader.refuse("out_of_range" if word else "wrong_type", "status", word)
        return []
    doc = said.doc
    # A clock ahead must not put its later, corrected reports into the past of earlier ones.
    at = min(clocks.at(said.robot_id, doc.get("timestamp"), arrival), arrival)
    now = clocks.said(said.robot_id, doc.get("timestamp")) or at
    began = clocks.said(said.robot_id, doc.get("start_time"))
    running = naive_gap(began, now)
    over = naive_gap(clocks.said(said.robot_id, doc.get("end_time")), now)
    item = doc.get("last_item")
    shown = ("elapsed_time", "estimated_duration", "action_duration", "success")
    return [
        JobReport(
            said.robot_id,
            word,
            at,
            # Relative to the robot's own now, so that a wrong clock gives the right duration.
            start=at - running if running is not None else None,
            end=at - over if over is not None else None,
            items_done=reader.whole("items_done"),
            items_total=reader.whole("items_total"),
            percent=reader.number(
                "percent", "progress_percent", "percent_complete", low=0, high=100, clamped=105
            ),
            task_name=reader.text("task_name", most=200),
            phase=reader.text("phase", most=200),
            reason=reader.text("reason", most=1000),
            last_item=item if isinstance(item, dict) or item is None else {"item": item},
            success=reader.flag("success"),
            details={key: doc[key] for key in shown if doc.get(key) is not None}
            | ({"robot_start": began.isoformat()} if began else {}),
        )
    ]


def _logs(said: Envelope, reader: Reader, clocks: RobotClocks, arrival: datetime) -> list[Event]:
    message = reader.text("message")
    if message is None:
        if not reader.bad:
            reader.refuse("wrong_type", "message", "missing")
        return []
    level = LEVELS.get((reader.text("level", most=20) or "INFO").upper(), "INFO")
    return [_line(said, level, "mqtt", message, clocks, arrival, ("source", "level"))]


def _scan(said: Envelope, reader: Reader, clocks: RobotClocks, arrival: datetime) -> list[Event]:
    keys = ("qr_data", "station_name", "action")
    item = {key: value for key in keys if (value := reader.text(key, most=1000)) is not None}
    if not item:
        if not reader.bad:
            reader.refuse("wrong_type", "scan", f"none of {', '.join(keys)}")
        return []
    text = f"Scanned {item.get('qr_data', 'something')}"
    if "station_name" in item:
        text += f" at {item['station_name']}"
    line = _line(said, "INFO", "mqtt", text, clocks, arrival, keys)
    return [Scan(said.robot_id, line.at, item), line]


def _vision(said: Envelope, reader: Reader, clocks: RobotClocks, arrival: datetime) -> list[Event]:
    label = reader.text("label", most=200) or ""
    state = reader.text("state", most=200) or ""
    text = f"Sees {label or 'nothing known'}" + (f" ({state})" if state else "")
    keys = ("detection", "state", "label", "confidence", "navigation_command", "is_locked", "error")
    line = _line(said, "INFO", "mqtt", text, clocks, arrival, keys)
    return [Vision(said.robot_id, (label, state), line)]


def _response(
    said: Envelope, reader: Reader, clocks: RobotClocks, arrival: datetime
) -> list[Event]:
    emergency = RESPONSES[said.topic] == "emergency"
    answer = _answer(said, reader, arrival)
    level = "INFO" if answer.success and not emergency else "WARNING"
    keys = ("command_id", "success", "command")
    line = _line(said, level, "command", answer.message, clocks, arrival, keys)
    if not (emergency and answer.success):
        return [line, answer]
    # Its status would say so as well, up to ten seconds later.
    reason = reader.text("reason", "emergency_reason", most=500) or None
    return [line, answer, Status(said.robot_id, emergency_stopped=True, emergency_reason=reason)]


def answered(said: Envelope, arrival: datetime) -> Answer:
    """The answer to a command in a message of RESPONSES."""
    return _answer(said, Reader(said.doc), arrival)


def _answer(said: Envelope, reader: Reader, arrival: datetime) -> Answer:
    success = reader.flag("success")
    text = reader.text("message") or ("Command done" if success else "Command not done")
    return commands.answer(said.robot_id, said.doc, success, text, arrival)


def _line(
    said: Envelope,
    level: str,
    category: str,
    message: str,
    clocks: RobotClocks,
    arrival: datetime,
    keys: tuple[str, ...],
) -> LogLine:
    details = {key: said.doc[key] for key in keys if said.doc.get(key) is not None}
    at = clocks.at(said.robot_id, said.doc.get("timestamp"), arrival)
    return LogLine(said.robot_id, level, category, message, at, details or None)


_Maker = Callable[[Envelope, Reader, RobotClocks, datetime], list[Event]]
_MAKERS: dict[str, _Maker] = {
    "status": _status,
    "location": _location,
    "job": _job,
    "logs": _logs,
    "scan": _scan,
    "vision": _vision,
    **dict.fromkeys(RESPONSES, _response),
}
