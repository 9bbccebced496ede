"""What robots can be told, what of it moves them, and which answer belongs to what.

One type per command, named as on the wire. On the wire a command is its members together with
``id``; the robot repeats the id as ``command_id``. An emergency stop is not among them: it has
topics of its own, needs no confirmation, and nothing may stand in its way.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

ROOT = "tonypi"
EVERYBODY = "broadcast"
EMERGENCY_STOP = "emergency_stop"
EMERGENCY_EXPIRY_S = 60
"""How long the broker keeps an emergency stop for a robot that has just lost its connection. Late,
it still is on the safe side; after a minute it would surprise whoever has cleared up by then."""

LINE = r"^[^\x00-\x1f\x7f]+$"
"""Text of one line: no control characters, which robots print to terminals."""


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Move(_Command):
    """Walk. What is left out is up to the robot (TonyPi: forward, 1 unit, half speed)."""

    type: Literal["move"]
    direction: Literal["forward", "backward", "left", "right", "turn_left", "turn_right"] | None = (
        None
    )
    distance: Annotated[float, Field(gt=0, le=100, description="As the robot counts.")] | None = (
        None
    )
    speed: Annotated[float, Field(gt=0, le=1, description="Of its full speed.")] | None = None


class Stop(_Command):
    """Stop moving. Unlike after an emergency stop, the next command moves it again."""

    type: Literal["stop"]


class Resume(_Command):
    """End an emergency stop."""

    type: Literal["resume"]


class StatusRequest(_Command):
    """Send a status now."""

    type: Literal["status_request"]


class BatteryRequest(_Command):
    """Send the battery's state now."""

    type: Literal["battery_request"]


class Shutdown(_Command):
    """Switch off. Somebody has to switch it on again by hand."""

    type: Literal["shutdown"]


class HeadNod(_Command):
    type: Literal["head_nod"]


class HeadShake(_Command):
    type: Literal["head_shake"]


class StartJob(_Command):
    """Begin a job. `POST /jobs` does the same and keeps the job's row from the first moment."""

    type: Literal["start_job"]
    task_name: Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
    items_total: Annotated[int, Field(ge=1, le=1_000_000)]


class StopJob(_Command):
    """End the job at work."""

    type: Literal["stop_job"]


class SetServo(_Command):
    """Turn one servo."""

    type: Literal["set_servo"]
    servo_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
    position: Annotated[float, Field(ge=-100_000, le=100_000, description="Degrees or steps.")]


Command = Annotated[
    Move
    | Stop
    | Resume
    | StatusRequest
    | BatteryRequest
    | Shutdown
    | HeadNod
    | HeadShake
    | StartJob
    | StopJob
    | SetServo,
    Field(discriminator="type"),
]
TYPES: tuple[str, ...] = tuple(
    get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(Command)[0])
)

EFFECTS = {
    "move": "{who} would walk",
    "resume": "{who} would leave the emergency stop, and may move at once",
    "shutdown": "{who} would switch off and might fall; it comes back by hand only",
    "head_nod": "{who} would move its head",
    "head_shake": "{who} would move its head",
    "start_job": "{who} would begin to work, and walk about",
    "set_servo": "{who} would turn a servo, whatever is in its way",
}
"""What moves a robot, and how: these take a confirmation."""


def moves(kind: str) -> bool:
    return kind in EFFECTS


def freezes(kind: str) -> bool:
    """Whether a robot in emergency stop has to be resumed before it does this."""
    return moves(kind) and kind not in ("resume", "shutdown")


def effect(kind: str, who: str) -> str:
    """What would happen: for whoever has not confirmed it yet."""
    return EFFECTS[kind].format(who=who)


def payload(command: _Command) -> dict[str, Any]:
    """The members that the robot gets besides ``type`` and ``id``."""
    return command.model_dump(exclude={"type"}, exclude_none=True)


def topic(kind: str, robot_id: str | None) -> str:
    """Where a command of this type goes; None: to all robots."""
    family = EMERGENCY_STOP if kind == EMERGENCY_STOP else "commands"
    return f"{ROOT}/{family}/{robot_id or EVERYBODY}"


def message(command_id: uuid.UUID, kind: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent."""
    if kind == EMERGENCY_STOP:
        return {"id": str(command_id), **members}
    return {"type": kind, "id": str(command_id), **members}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a robot answered. ``data`` is what it told besides its words."""

    robot_id: str
    command_id: uuid.UUID | None
    success: bool
    message: str
    at: datetime
    data: dict[str, Any] | None = None

    @property
    def state(self) -> Literal["answered", "refused"]:
        return "answered" if self.success else "refused"


def answer(
    robot_id: str, doc: Mapping[str, Any], success: bool | None, words: str, at: datetime
) -> Answer:
    """The answer in a response of ``robot_id``. ``success`` None: it does not say, so no."""
    data = doc.get("data")
    return Answer(
        robot_id,
        _uuid(doc.get("command_id")),
        bool(success),
        words,
        at,
        data if isinstance(data, dict) else None,
    )


def _uuid(value: object) -> uuid.UUID | None:
    # Others may send commands too, with ids of their own kind; those answers are not for us.
    if not isinstance(value, str) or len(value) > 36:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


@dataclass(frozen=True)
class Asked:
    """A command that waits. ``robot_id`` None: all robots; ``expected`` are those that were there,
    None where nobody knows. ``answers`` by robot, the first one of each."""

    command_id: uuid.UUID
    kind: str
    robot_id: str | None
    expected: frozenset[str] | None
    answers: Mapping[str, Answer]

    @property
    def complete(self) -> bool:
        """Whether everybody has answered who was expected to."""
        return self.expected is not None and self.expected <= self.answers.keys()

    def expecting(self, robots: frozenset[str]) -> Asked:
        return replace(self, expected=robots)

    def heard(self, said: Answer) -> Asked:
        """With the answer, if it is one to this command."""
        if not self._answered_by(said) or said.robot_id in self.answers:
            return self
        return replace(self, answers={**self.answers, said.robot_id: said})

    def _answered_by(self, said: Answer) -> bool:
        return said.command_id == self.command_id and self.robot_id in (None, said.robot_id)


def state(asked: Asked) -> Literal["answered", "refused", "timed out"]:
    """What became of a command when its time is over."""
    if not asked.complete:
        return "timed out"
    done = all(asked.answers[robot_id].success for robot_id in asked.expected or ())
    return "answered" if done else "refused"


def missing(asked: Asked) -> list[str]:
    """Who was there and has not answered."""
    return sorted((asked.expected or frozenset()) - asked.answers.keys())


def listed(names: Iterable[str], most: int = 5) -> str:
    """For people: the first of the names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
