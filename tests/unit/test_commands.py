"""What robots can be told: shapes on the wire, what moves them, whose answer is whose."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from glue.core import commands, events
from glue.core.commands import Asked
from glue.core.events import Envelope

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ONE, TWO = uuid.uuid4(), uuid.uuid4()
KINDS = TypeAdapter(commands.Command)


def said(robot_id: str, command_id: object = ONE, success: object = True, **more: object):
    doc = {"command_id": str(command_id), "success": success, **more}
    return events.answered(Envelope("commands", robot_id, doc, "tonypi/commands/response"), NOW)


def asked(robot_id: str | None = "r1", *expected: str) -> Asked:
    return Asked(ONE, "stop", robot_id, frozenset(expected or ["r1"]), {})


def test_every_command_of_the_robots_is_there_and_those_that_move_them_are_known():
    assert (
        *("move", "stop", "resume", "status_request", "battery_request", "shutdown"),
        *("head_nod", "head_shake", "start_job", "stop_job", "set_servo"),
    ) == commands.TYPES
    still = {"stop", "stop_job", "status_request", "battery_request"}
    assert {kind for kind in commands.TYPES if not commands.moves(kind)} == still
    assert not commands.moves(commands.EMERGENCY_STOP)
    assert commands.effect("move", "r1") == "r1 would walk"


@pytest.mark.parametrize(
    ("given", "members"),
    [
        ({"type": "move"}, {}),
        ({"type": "move", "direction": "left", "distance": 2.5}, None),
        ({"type": "start_job", "task_name": "sort", "items_total": 4}, None),
        ({"type": "set_servo", "servo_id": "servo_3", "position": -12.5}, None),
        ({"type": "head_nod"}, {}),
    ],
)
def test_a_command_goes_out_as_its_members_with_type_and_id(given, members):
    command = KINDS.validate_python(given)
    expected = {k: v for k, v in given.items() if k != "type"} if members is None else members
    assert commands.payload(command) == expected
    message = commands.message(ONE, command.type, commands.payload(command))
    assert message == {"type": given["type"], "id": str(ONE), **expected}


@pytest.mark.parametrize(
    "given",
    [
        {"type": "dance"},
        {},
        {"type": "stop", "now": True},
        {"type": "move", "direction": "up"},
        {"type": "move", "distance": float("nan")},
        {"type": "move", "distance": -1.0},
        {"type": "move", "speed": "fast"},
        {"type": "start_job", "task_name": "sort"},
        {"type": "start_job", "task_name": "sort\n", "items_total": 1},
        {"type": "start_job", "task_name": "\ud800", "items_total": 1},
        {"type": "start_job", "task_name": "sort", "items_total": 0},
        {"type": "start_job", "task_name": "sort", "items_total": True},
        {"type": "set_servo", "servo_id": "../x", "position": 1.0},
        {"type": "set_servo", "servo_id": "servo_1"},
    ],
)
def test_nonsense_is_refused(given):
    with pytest.raises(ValidationError):
        KINDS.validate_python(given)


def test_topics_and_the_shape_of_an_emergency_stop():
    assert commands.topic("move", "r1") == "tonypi/commands/r1"
    assert commands.topic("resume", None) == "tonypi/commands/broadcast"
    assert commands.topic(commands.EMERGENCY_STOP, "r1") == "tonypi/emergency_stop/r1"
    assert commands.topic(commands.EMERGENCY_STOP, None) == "tonypi/emergency_stop/broadcast"
    message = commands.message(ONE, commands.EMERGENCY_STOP, {"reason": "smoke"})
    assert message == {"id": str(ONE), "reason": "smoke"}


def test_only_the_answer_of_this_robot_to_this_command_counts_and_the_first_one():
    waiting = asked()
    assert not waiting.complete
    assert commands.state(waiting) == "timed out"
    for other in (said("r2"), said("r1", TWO), said("r1", "tuesday"), said("r1", None)):
        assert waiting.heard(other) is waiting
    no = waiting.heard(said("r1", success=False, message="Emergency stop is active"))
    assert no.complete
    assert commands.state(no) == "refused"
    assert no.answers["r1"].message == "Emergency stop is active"
    assert no.heard(said("r1")).answers == no.answers


def test_all_have_answered_when_those_have_who_were_there():
    waiting = asked(None, "r1", "r2")
    waiting = waiting.heard(said("r1")).heard(said("r9"))
    assert commands.missing(waiting) == ["r2"]
    assert not waiting.complete
    waiting = waiting.heard(said("r2"))
    assert commands.state(waiting) == "answered"
    # Nobody can say who was there: nobody can say that all have answered.
    unknown = Asked(ONE, "stop", None, None, {}).heard(said("r1"))
    assert commands.state(unknown) == "timed out"
    assert unknown.expecting(frozenset(["r1"])).complete


@pytest.mark.parametrize(
    ("success", "state"), [(True, "answered"), (1, "answered"), (None, "refused"), ("x", "refused")]
)
def test_an_answer_that_does_not_say_yes_is_a_no(success, state):
    answer = said("r1", success=success)
    assert answer.state == state
    assert answer.message == ("Command done" if state == "answered" else "Command not done")


def test_what_a_robot_tells_besides_its_words_is_kept():
    answer = said("r1", message="Battery", data={"battery_level": 80})
    assert (answer.message, answer.data) == ("Battery", {"battery_level": 80})
    assert said("r1", data="much").data is None
