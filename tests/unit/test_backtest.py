"""What limits would have made: the sweep against asking the rules at every instant."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue.backtest.history import blocks_of
from glue.core.backtest import Pair, Past, Row, Sweep, Worst, objection, pair
from glue.core.episodes import RANK, Circumstances, Known, Observation, decide, why
from glue.core.evaluation import Verdict, evaluate
from glue.core.metrics import METRICS, SEVERITIES
from glue.core.rule import WINDOW
from glue.core.rules import BY_KEY
from glue.core.suggestion import Readings, suggested

T0 = 1_767_225_600_000
CPU = METRICS["cpu"]
BATTERY = METRICS["battery"]
SERVO = METRICS["servo_temp"]


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def stepped(
    name: str, limits: Pair, rows: list[Row], every: int, first: int, until: int
) -> list[Past]:
    """The same as the standby evaluator does it: every rule, every interval."""
    known, ids, verdicts = Known(), itertools.count(1), dict[str, dict[str, Verdict]]()
    found: dict[int, dict[str, Any]] = {}
    for now in range(first, until + 1, every):
        seen = [(b, v) for b, v in rows if b + every <= now and now - b <= WINDOW * 1000]
        newest = seen[-1][1] if seen else None
        readings = {} if newest is None else {"r1": newest}
        for severity in SEVERITIES:
            rule = BY_KEY[name, severity]
            before = verdicts.get(severity, {})
            limit = {"r1": limits.of(severity)}
            after = evaluate(rule, readings, limit, before, at(now), others=True)
            verdicts[severity] = {r: v for r, v in after.items() if not v.vanished}
            verdict, was = after.get("r1"), before.get("r1")
            if verdict is None or not (verdict.firing or (was is not None and was.firing)):
                continue
            battery = name == "battery" and bool(seen)
            charging = battery and newest is None
            said = Observation(
                metric=name,
                robot_id="r1",
                severity=severity,
                firing=verdict.firing,
                starts_at=verdict.since,
                seen_at=at(now),
                ended_at=None if verdict.firing else at(now),
                origin="standby",
                value=verdict.value,
                reason=why(verdict.vanished, Circumstances(battery, charging)),
            )
            for change in decide(known, said, ids):
                episode = found.setdefault(change.episode.id, {"severity": "info", "worst": None})
                if change.kind == "opened":
                    episode |= {"starts_at": change.at, "value": change.cause.value}
                if change.kind in ("opened", "raised"):
                    episode["severity"] = max(
                        episode["severity"], change.severity, key=RANK.__getitem__
                    )
                if change.kind == "resolved":
                    episode |= {"ended_at": change.at, "reason": change.episode.reason}
        if known.episode and newest is not None:
            worse = max if METRICS[name].direction == "high" else min
            worst = found[known.episode.id]["worst"]
            found[known.episode.id]["worst"] = newest if worst is None else worse(worst, newest)
    return [
        Past(
            "r1",
            e["severity"],
            e["starts_at"],
            e.get("ended_at"),
            e.get("reason"),
            e["value"],
            e["worst"],
        )
        for _, e in sorted(found.items())
    ]


def swept(
    name: str,
    limits: Pair,
    rows: list[Row],
    every: int,
    first: int,
    until: int,
    cuts: tuple[int, ...] = (),
) -> list[Past]:
    sweep = Sweep(METRICS[name], "r1", limits, every, first)
    found: list[Past] = []
    for a, b in itertools.pairwise([0, *sorted(cuts), len(rows)]):
        found += sweep.feed(rows[a:b])
    return found + sweep.finish(until)


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(METRICS)))
    metric = METRICS[name]
    every = draw(st.sampled_from([1000, 7000, 10_000, 60_000]))
    bad = 1 if metric.direction == "high" else -1
    around = [metric.warning + bad * d for d in (-20, -metric.recovery_margin, -1, 0, 1, 5)]
    around += [metric.critical + bad * d for d in (-metric.recovery_margin, -1, 0, 1)]
    values = st.sampled_from(around)
    reading = st.one_of(values, st.none()) if name == "battery" else values
    # Runs of the same, gaps of one, of some, and of more than the rules look back.
    longest = WINDOW * 1000 // every + 5
    gap = st.one_of(st.just(1), st.just(1), st.integers(1, 4), st.integers(longest - 8, longest))
    steps = draw(st.lists(st.tuples(gap, reading, st.integers(1, 5)), max_size=25))
    begin, rows = T0 // every * every, list[Row]()
    for skipped, value, times in steps:
        begin += (skipped - 1) * every
        for _ in range(times):
            rows.append((begin, value))
            begin += every
    first = T0 // every * every + draw(st.integers(0, 20)) * every
    until = max(first, begin + draw(st.integers(-10, longest)) * every)
    shown = [row for row in rows if row[0] + every <= until]
    cuts = draw(st.lists(st.integers(0, len(shown)), max_size=3))
    limits = pair(metric, metric.warning, metric.critical)
    return {
        "name": name,
        "limits": limits,
        "rows": shown,
        "every": every,
        "first": first,
        "until": until,
        "cuts": tuple(cuts),
    }


@settings(deadline=None)
@given(histories())
def test_the_sweep_gives_what_asking_at_every_instant_gives(history: dict[str, Any]) -> None:
    expected = dict(history)
    expected.pop("cuts")
    assert swept(**history) == stepped(**expected)


@settings(deadline=None)
@given(histories())
def test_hours_in_which_nothing_could_begin_or_go_on_need_not_be_read(
    history: dict[str, Any],
) -> None:
    every, limits, metric = history["every"], history["limits"], METRICS[history["name"]]
    block = (WINDOW * 1000 // every + 3) * every
    furthest = max if metric.direction == "high" else min
    peaks: dict[int, float] = {}
    for begin, value in history["rows"]:
        # While it charges there is a value too.
        point = limits.critical if value is None else value
        of = begin // block * block
        peaks[of] = furthest(peaks.get(of, point), point)
    wanted = blocks_of(metric, limits, peaks, block)
    rows = [row for row in history["rows"] if row[0] // block * block in wanted]
    assert swept(**{**history, "rows": rows, "cuts": ()}) == swept(**history)


@settings(deadline=None)
@given(st.data())
def test_the_worst_part_is_what_the_rule_reads_at_every_instant(data: st.DataObject) -> None:
    every = data.draw(st.sampled_from([7000, 10_000, 60_000]))
    longest = WINDOW * 1000 // every
    rows: list[tuple[int, str, float]] = []
    for part in ("a", "b", "c"):
        begin = T0 // every * every
        for gap in data.draw(st.lists(st.integers(1, 3) | st.just(longest + 1), max_size=6)):
            begin += gap * every
            rows.append((begin, part, data.draw(st.sampled_from([40.0, 61.0, 80.0]))))
    rows.sort()
    last = (rows[-1][0] if rows else T0 // every * every) + (longest + 3) * every
    worst = Worst(SERVO, every)
    found = worst.feed(rows) + worst.until(last)
    for now in range(T0 // every * every, last, every):
        newest = {p: (b, v) for b, p, v in rows if b + every <= now}
        seen = [v for b, v in newest.values() if now - b <= WINDOW * 1000]
        told = [row for row in found if row[0] + every <= now]
        alive = told and now - told[-1][0] <= WINDOW * 1000
        assert (told[-1][1] if alive else None) == (max(seen) if seen else None)


def minutes(*values: float | None) -> list[Row]:
    return [(T0 + 60_000 * n, v) for n, v in enumerate(values)]


def test_a_day_is_told_as_people_would() -> None:
    limits = pair(SERVO, 60, 75)
    rows = minutes(50, 61, 80, 70, 58, 56, 50)
    (one,) = swept("servo_temp", limits, rows, 60_000, T0, T0 + 3_600_000)
    assert one == Past("r1", "critical", at(T0 + 120_000), at(T0 + 360_000), "recovered", 61, 80)


def test_open_at_the_end_gone_and_charging_are_told_apart() -> None:
    limits = pair(SERVO, 60, 75)
    (still,) = swept("servo_temp", limits, minutes(50, 61), 60_000, T0, T0 + 600_000)
    assert (still.ended_at, still.reason) == (None, None)
    (gone,) = swept("servo_temp", limits, minutes(50, 61), 60_000, T0, T0 + 3_600_000)
    assert (gone.ended_at, gone.reason) == (at(T0 + 60_000 * 18), "no data")
    low = minutes(15, 15, None, None, None)
    (charging,) = swept("battery", pair(BATTERY, 20, 10), low, 60_000, T0, T0 + 3_600_000)
    assert charging.reason == "charging"


@pytest.mark.parametrize(
    ("metric", "given", "says"),
    [
        (CPU, (70, 90), None),
        (CPU, (90, 80), "not above warning"),
        (BATTERY, (10, 20), "not below warning"),
        (CPU, (70, 90, 75, None), "not below its limit"),
        (BATTERY, (20, 10, 19, None), "not above its limit"),
        (CPU, (70, 100), "strictly between 0 and 100"),
        (CPU, (3, 90), "strictly between"),
        (CPU, (float("nan"), 90), "not above"),
    ],
)
def test_limits_that_nobody_could_set_are_refused(
    metric: Any, given: tuple[Any, ...], says: str | None
) -> None:
    said = objection(metric, pair(metric, *given), 0, 100)
    assert said is None if says is None else says in (said or "")


def read(metric: Any, *values: float) -> Pair | None:
    readings = Readings()
    readings.add([*values, None])
    return suggested(metric, readings, 0, 100)


def test_suggested_limits_stand_beyond_what_is_usual_and_can_be_set() -> None:
    assert read(CPU, *[30.0] * 990, *[40.0] * 10) == pair(CPU, 35, 50)
    assert read(BATTERY, *[80.0] * 980, *[30.0] * 20) == pair(BATTERY, 28, 24)
    assert read(CPU, *[30.0] * 99) is None


@settings(deadline=None)
@given(
    st.sampled_from([CPU, BATTERY]),
    st.lists(st.floats(-1e300, 1e300) | st.floats(0, 100), min_size=1),
)
def test_whatever_was_read_what_is_suggested_could_be_set(metric: Any, values: list[float]) -> None:
    found = read(metric, *(values * 100))
    assert found is not None
    assert objection(metric, found, 0, 100) is None
