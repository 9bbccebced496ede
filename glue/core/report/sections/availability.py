"""How much of the time robots were heard, and on which days they were not."""

from __future__ import annotations

from glue.core.report import words
from glue.core.report.content import Cell, Columns, Section, Stack
from glue.core.report.facts import Facts, Robot
from glue.core.report.sections import comparing as c


def expected(facts: Facts, robot: Robot, day: int) -> float:
    """Seconds of that day in which the robot was registered, that are over, and of which readings
    are kept."""
    begin = max(facts.days[day].since, robot.since, facts.kept_since or robot.since)
    end = min(facts.days[day].until, facts.made_at)
    return max((end - begin).total_seconds(), 0.0)


def of_robot(facts: Facts, robot: Robot) -> float | None:
    """Percent of the time it was expected; None where it never was."""
    due = sum(expected(facts, robot, day) for day in range(len(facts.days)))
    heard = sum(facts.heard.get(robot.id, ()))
    # A window that has a reading counts as a whole.
    return min(100 * heard / due, 100.0) if due >= 300 else None


def of_day(facts: Facts, day: int) -> float | None:
    due = sum(expected(facts, robot, day) for robot in facts.robots)
    if due < 300:
        return None
    days = (facts.heard.get(robot.id, ()) for robot in facts.robots)
    heard = sum(found[day] for found in days if day < len(found))
    return min(100 * heard / due, 100.0)


def whole(facts: Facts) -> float | None:
    known = [v for robot in facts.robots if (v := of_robot(facts, robot)) is not None]
    return sum(known) / len(known) if known and facts.heard else None


def heard_robots(facts: Facts) -> float | None:
    return float(sum(1 for found in facts.heard.values() if any(found))) if facts.heard else None


def section(facts: Facts) -> Section:
    shares = [
        (robot, share) for robot in facts.robots if (share := of_robot(facts, robot)) is not None
    ]
    shares.sort(key=lambda one: (one[1], one[0].id))
    figures = [
        c.figure(facts, "availability.percent", "Time heard", whole, "%", "up", 1),
    ]
    if len(facts.robots) > 1:
        figures.append(
            c.figure(facts, "availability.robots", "Robots heard", heard_robots, "", "up")
        )
    rows: list[list[Cell]] = [
        [robot.id, robot.name, round(share, 1), round(sum(facts.heard.get(robot.id, ())) / 3600, 1)]
        for robot, share in shares
    ]
    table = c.robots_table(
        "Heard least", [c.number("Heard", "%", 1), c.number("Hours", "h", 1)], rows
    )
    return Section(
        key="availability",
        title="Availability",
        text=_text(facts, [(robot, share) for robot, share in shares]),
        figures=figures,
        charts=[_by_day(facts)] if len(facts.days) > 1 else [],
        tables=[table] if len(facts.robots) > 1 else [],
    )


def _text(facts: Facts, shares: list[tuple[Robot, float]]) -> list[str]:
    if not facts.heard:
        return ["No robot was heard in this time."]
    never = [robot.title for robot, share in shares if share == 0]
    said = []
    share = whole(facts)
    if share is not None:
        who = "The robot was" if len(facts.robots) == 1 else "Robots were"
        said.append(f"{who} heard {words.amount(share, '%', 1)} of the time.")
    if never and len(facts.robots) > 1:
        said.append(f"Never heard: {words.listed(never, 5)}.")
    silent = [c.day_name(facts, n) for n in silent_days(facts)]
    if silent and len(silent) < len(facts.days):
        said.append(f"Nothing was heard on {words.listed(silent, 7)}.")
    return said


def silent_days(facts: Facts) -> list[int]:
    """Days on which something was expected and nothing heard."""
    return [day for day in range(len(facts.days)) if of_day(facts, day) == 0]


def _by_day(facts: Facts) -> Columns:
    count = range(len(facts.days))
    amounts = [round(of_day(facts, n) or 0.0, 1) for n in count]
    return Columns(
        title="Time heard, by day",
        unit="%",
        names=[c.day_name(facts, n) for n in count],
        stacks=[Stack(name="heard", amounts=amounts)],
    )
