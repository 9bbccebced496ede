"""A batch of messages folded into what to write: one row a robot, jobs, lines, counts.

Pure and repeatable: the same batch and the same state give the same work, so a batch whose
transaction failed is folded and written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from glue.broker import Message
from glue.core import events, jobs
from glue.core.commands import Answer
from glue.core.emergency import Moment
from glue.core.events import Envelope, JobReport, Location, LogLine, Refusal, Scan, Status, Vision
from glue.core.listening import ListeningClock
from glue.core.payload import Refused, read
from glue.core.robot_time import PACE_S, RobotClocks, Spoken, instant
from glue.store.robots import Heard, Known

log = structlog.get_logger()

MAX_WORDS = 1000
"""Unknown words for a status that are told apart; robots may make up as many as they like."""

OTHER_WORDS = ""
"""Stands for every word after those; no robot's word is empty."""

OLDEST_S = 7 * 86400.0
"""Before our first heartbeat, a message may have waited as long as the broker keeps a session."""


@dataclass(frozen=True)
class Listening:
    """``published`` is when the newest heartbeat that came back had been sent."""

    clock: ListeningClock = field(default_factory=ListeningClock)
    published: datetime | None = None


@dataclass(frozen=True)
class Opened:
    """A message and who says it; None for our heartbeat."""

    message: Message
    envelope: Envelope | Refusal | None

    @property
    def arrival(self) -> datetime:
        return datetime.fromtimestamp(self.message.at, UTC)

    @property
    def robot_id(self) -> str | None:
        return self.envelope.robot_id if isinstance(self.envelope, Envelope) else None


@dataclass
class Work:
    """What a batch asks to be written, and the state after it."""

    listening: Listening
    beaten: bool = False
    heard: dict[str, Heard] = field(default_factory=dict)
    reports: list[JobReport | Scan] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    emergencies: list[Moment] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)
    spoken: dict[str, Spoken] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Memory:
    """What is known of the fleet from the batches before: what each robot's camera last made out,
    each robot's newest message, and the words for statuses that were counted."""

    seen: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    spoken: Mapping[str, Spoken] = field(default_factory=dict)
    words: Set[str] = frozenset()


def opened(message: Message) -> Opened:
    if message.topic == events.HEARTBEAT:
        return Opened(message, None)
    return Opened(message, events.envelope(message.topic, message.payload))


def fold(
    batch: Sequence[Opened],
    known: Mapping[str, Known],
    clocks: RobotClocks,
    listening: Listening,
    memory: Memory,
    interval: float,
) -> Work:
    """``interval`` is the heartbeat's (s)."""
    work = Work(listening)
    for one in batch:
        if one.envelope is None:
            _beat(work, one, interval)
        elif isinstance(one.envelope, Refusal):
            work.refusals.append(one.envelope)
        else:
            try:
                _hear(work, one, one.envelope, known, clocks, memory)
            except Exception:  # our own mistake over one message must not stop the others
                log.exception("event.unreadable", topic=one.message.topic)
                work.refusals.append(
                    Refusal(one.envelope.family, "wrong_type", f"unreadable: {one.message.topic}")
                )
    return work


def introduced(batch: Sequence[Opened], unknown: Set[str], clocks: RobotClocks) -> set[str]:
    """Those of the ``unknown`` who say something that can be used."""
    found: set[str] = set()
    for one in batch:
        said = one.envelope
        if isinstance(said, Envelope) and said.robot_id in unknown - found:
            with suppress(Exception):  # our own mistake; fold() counts the message
                if events.introduces(*events.events(said, clocks, one.arrival)):
                    found.add(said.robot_id)
    return found


def jobs_after(
    recent: Mapping[str, Sequence[jobs.Job]], reports: Sequence[JobReport | Scan]
) -> list[jobs.Job]:
    """The jobs to store, in their final state. ``recent`` are each robot's, the latest last."""
    history = {robot_id: list(of_robot) for robot_id, of_robot in recent.items()}
    for said in reports:
        of_robot = history.setdefault(said.robot_id, [])
        if isinstance(said, JobReport):
            of_robot[:] = jobs.report(of_robot, said)
        elif (moved := jobs.scanned(of_robot[-1] if of_robot else None, said)) is not None:
            of_robot[-1] = moved
    unchanged = {id(job) for of_robot in recent.values() for job in of_robot}
    return [job for of_robot in history.values() for job in of_robot if id(job) not in unchanged]


def _beat(work: Work, one: Opened, interval: float) -> None:
    try:
        at = instant(read(one.message.payload)[0].get("at"), UTC)
    except Refused as no:
        work.refusals.append(Refusal("pipeline", no.reason, no.detail))
        return
    published = min(at or one.arrival, one.arrival)
    clock = work.listening.clock.beat(one.message.arrived, interval)
    work.listening = Listening(clock, published)
    work.beaten = True


def _hear(
    work: Work,
    one: Opened,
    said: Envelope,
    known: Mapping[str, Known],
    clocks: RobotClocks,
    memory: Memory,
) -> None:
    robot = known.get(said.robot_id)
    if robot is not None and robot.registration == "refused":
        return
    if robot is not None and _is_old(work, one, said, robot, clocks, memory):
        return
    published = work.listening.published
    waited = (one.arrival - published).total_seconds() if published else OLDEST_S
    clocks = replace(clocks, waited_s=max(0.0, waited))
    made, refused = events.events(said, clocks, one.arrival)
    work.refusals += refused
    if robot is None:
        return
    if robot.removed:
        _sighting(work, said, clocks, one.arrival)
        no = Refusal(said.family, "removed", f"{said.robot_id} was removed and still sends")
        work.refusals.append(no)
        return
    last_seen = _sighting(work, said, clocks, one.arrival)
    for event in made:
        match event:
            case Status():
                _emergency(work, robot, event, last_seen)
                _status(work.heard[said.robot_id], event)
                _count_word(work, event, memory)
            case Location():
                work.heard[said.robot_id].location = event.location
            case _ if robot.registration == "pending":
                # Not yet anybody's robot: it is seen, and that is all it can do.
                continue
            case JobReport() | Scan():
                work.reports.append(event)
            case Vision():
                if work.seen.get(event.robot_id, memory.seen.get(event.robot_id)) != event.seen:
                    work.seen[event.robot_id] = event.seen
                    work.lines.append(event.line)
            case LogLine():
                work.lines.append(event)
            case Answer():
                work.answers.append(event)


def _is_old(
    work: Work,
    one: Opened,
    said: Envelope,
    robot: Known,
    clocks: RobotClocks,
    memory: Memory,
) -> bool:
    """Whether it is a status from before what the robot said last: no goodbye, no sign of life."""
    at = clocks.said(robot.robot_id, said.doc.get("timestamp"))
    if at is None:
        return False
    later = Spoken(at, one.arrival)
    newest = work.spoken.get(robot.robot_id, memory.spoken.get(robot.robot_id))
    if newest is None and robot.last_seen is not None:
        # Since before this process. That is arrival on our clock, so robots' clocks get some room.
        before = robot.last_seen - timedelta(seconds=PACE_S)
        newest = Spoken(before, before)
    if newest is None:
        newest = later
    elif said.family == "status":
        newest = newest.then(later)
    elif later.said > newest.said:
        # Only forward: a robot may send lines and job reports that it had queued, at their own
        # pace, after its status of now. A clock that was set back shows in its statuses.
        newest = later
    work.spoken[robot.robot_id] = newest
    return said.family == "status" and newest != later


def _sighting(work: Work, said: Envelope, clocks: RobotClocks, arrival: datetime) -> datetime:
    at = clocks.at(said.robot_id, said.doc.get("timestamp"), arrival)
    last_seen, heard_at = clocks.seen(at, arrival), work.listening.clock.listened
    robot = work.heard.get(said.robot_id)
    if robot is None:
        work.heard[said.robot_id] = Heard(said.robot_id, last_seen, heard_at)
        return last_seen
    robot.last_seen = max(robot.last_seen, last_seen)
    robot.heard_at = heard_at
    robot.clean_offline = False
    if robot.status == "offline":
        robot.status = "online"
    return last_seen


def _emergency(work: Work, robot: Known, said: Status, at: datetime) -> None:
    """Every word of a stop, and the first of its end: as much as the alerts need."""
    before = work.heard[said.robot_id].emergency_stopped
    stopped = robot.emergency_stopped if before is None else before
    if said.emergency_stopped is None or not robot.watched:
        return
    if said.emergency_stopped or stopped:
        moment = Moment(said.robot_id, said.emergency_stopped, at, said.emergency_reason)
        work.emergencies.append(moment)


def _count_word(work: Work, event: Status, memory: Memory) -> None:
    """Count a word that we do not know, the first time that any robot uses it."""
    word = event.reported_status
    if not word or word.lower() in events.STATUS_WORDS:
        return
    if word in memory.words or word in work.words:
        return
    detail = f"{word!r} is no status known here ({event.robot_id}): taken as online"
    if len(memory.words) + len(work.words) >= MAX_WORDS:
        if OTHER_WORDS in memory.words or OTHER_WORDS in work.words:
            return
        word = OTHER_WORDS
        detail += f"; more than {MAX_WORDS} such words; further ones are not counted"
    work.words.add(word)
    work.refusals.append(Refusal("status", "out_of_range", detail))


def _status(robot: Heard, event: Status) -> None:
    if event.status is not None:
        robot.status = event.status
    robot.clean_offline = event.status == "offline"
    if event.emergency_stopped is False:
        robot.emergency_reason = None
    for name in (
        "reported_status",
        "ip_address",
        "camera_url",
        "system_info",
        "emergency_stopped",
        "emergency_reason",
    ):
        value = getattr(event, name)
        if value is not None:
            setattr(robot, name, value)
