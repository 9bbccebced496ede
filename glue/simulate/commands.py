"""How a simulated robot answers commands. Pure: state and command in, state and answers out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from glue.simulate import payloads
from glue.simulate.payloads import Messages
from glue.simulate.robot import Robot, end_job, start_job

TOPICS = ("tonypi/commands/+", "tonypi/emergency_stop/+")
ANSWERS = "tonypi/commands/response"
EMERGENCY_ANSWERS = "tonypi/emergency_stop/response"


def addressee(topic: str) -> tuple[str, str] | None:
    """(``commands`` or ``emergency_stop``, robot id or ``broadcast``); None for others' answers."""
    _, kind, who = topic.split("/")
    return None if who == "response" else (kind, who)


def emergency_stop(
    robot: Robot, t: float, clock: datetime, command: dict[str, Any]
) -> tuple[Robot, Messages]:
    """Stops all motion until ``resume``; a job at work is cancelled."""
    told: Messages = []
    robot = replace(robot, emergency=str(command.get("reason") or "emergency stop"), stopped=True)
    if robot.working:
        robot = end_job(robot, t, "cancelled")
        told = payloads.job(robot, t, clock, "cancelled")
    answer = _answer(robot, clock, command, True, "Emergency stop activated")
    return robot, [*told, (EMERGENCY_ANSWERS, answer), *payloads.status(robot, t, clock)]


def obey(
    robot: Robot, t: float, clock: datetime, command: dict[str, Any]
) -> tuple[Robot, Messages]:
    """The robot afterwards, and what it says: effects first, then the answer."""
    robot, told, success, text = _act(robot, t, clock, command)
    return robot, [*told, (ANSWERS, _answer(robot, clock, command, success, text))]


def _act(
    robot: Robot, t: float, clock: datetime, command: dict[str, Any]
) -> tuple[Robot, Messages, bool, str]:
    kind = command.get("type")
    if robot.emergency is not None and kind in ("move", "head_nod", "head_shake", "start_job"):
        return robot, [], False, "Emergency stop is active"
    match kind:
        case "move" | "head_nod" | "head_shake":
            return replace(robot, stopped=False), [], True, f"{kind} done"
        case "stop":
            return replace(robot, stopped=True), [], True, "Stopped"
        case "resume":
            return replace(robot, stopped=False, emergency=None), [], True, "Resumed"
        case "status_request":
            return robot, payloads.status(robot, t, clock), True, "Status sent"
        case "battery_request":
            return robot, payloads.battery(robot, t, clock), True, "Battery sent"
        case "shutdown":
            return replace(robot, off=True), [], True, "Shutting down"
        case "start_job":
            return _start_job(robot, t, clock, command)
        case "stop_job":
            if not robot.working:
                return robot, [], False, "No job is active"
            robot = end_job(robot, t, "cancelled")
            return robot, payloads.job(robot, t, clock, "cancelled"), True, "Job stopped"
        case "set_servo":
            return _set_servo(robot, command)
        case _:
            return robot, [], False, f"Unknown command: {kind}"


def _start_job(
    robot: Robot, t: float, clock: datetime, command: dict[str, Any]
) -> tuple[Robot, Messages, bool, str]:
    if robot.working:
        return robot, [], False, "A job is active already"
    items = command.get("items_total", 10)
    if isinstance(items, bool) or not isinstance(items, int) or items < 1:
        return robot, [], False, "items_total must be a whole number above 0"
    robot = start_job(robot, t, str(command.get("task_name") or "task"), items)
    return robot, payloads.job(robot, t, clock, "started"), True, "Job started"


def _set_servo(robot: Robot, command: dict[str, Any]) -> tuple[Robot, Messages, bool, str]:
    text, position = str(command.get("servo_id", "")), command.get("position")
    digits = text.removeprefix("servo_")
    number = int(digits) if digits.isdigit() else 0
    if not 1 <= number <= len(payloads.SERVOS):
        return robot, [], False, f"No such servo: {text}"
    if isinstance(position, bool) or not isinstance(position, int | float):
        return robot, [], False, "position must be a number"
    targets = {**robot.targets, number: float(position)}
    return replace(robot, targets=targets), [], True, f"Servo {number} moves"


def _answer(
    robot: Robot, clock: datetime, command: dict[str, Any], success: bool, text: str
) -> dict[str, Any]:
    return {
        "robot_id": robot.robot_id,
        "command_id": command.get("id"),
        "timestamp": payloads.stamp(clock),
        "success": success,
        "message": text,
    }
