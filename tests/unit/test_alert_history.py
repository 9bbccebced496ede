"""Reading Grafana's history of alerts (shapes recorded from Grafana 11.0.0)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.alerts.history import pages
from glue.core.alert_history import OVERLAP, Window, observations, turns, window
from glue.core.rules import BY_KEY

T0 = datetime(2026, 11, 23, 20, 44, tzinfo=UTC)
RULE = BY_KEY["servo_temp", "critical"]


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def row(seconds, was, now, robot="r1", rule=RULE, **changes):
    labels = (
        f"alertname={rule.title}, grafana_folder=Robot rules, metric={rule.metric},"
        f" robot_id={robot}, severity={rule.severity}"
    )
    margin = 1.66 if str(now).startswith("Alerting") else -2
    made = {
        "id": changes.pop("id", 1),
        "alertId": 7,
        "time": int(at(seconds).timestamp() * 1000),
        "prevState": was,
        "newState": now,
        "text": f"{rule.title} {{{labels}}} - C=1.000000, R=80.000000, W=75.000000",
        "data": {"values": {"C": 1, "M": margin, "R": 80, "W": 75}},
    }
    return made | changes


def test_an_end_of_a_series_that_is_gone_is_no_recovery():
    [seen] = told(row(30, "Alerting", "Normal (MissingSeries)"), row(10, "Normal", "Alerting"))
    assert (seen.vanished, seen.margin) == (True, 1.66)


@pytest.mark.parametrize("reason", ["NoData, KeepLast", "NoData"])
def test_an_end_of_a_rule_that_had_no_limits_is_none(reason):
    [seen] = told(row(30, "Alerting", f"Normal ({reason})"), row(10, "Normal", "Alerting"))
    assert (seen.firing, seen.margin) == (True, 1.66)


def told(*rows):
    return list(observations(turns(rows, {7: RULE.uid, 8: "theirs"}), at(500)))


def test_a_begin_and_its_end_are_one_observation_with_both_ends_and_the_value():
    [seen] = told(row(30, "Alerting", "Normal"), row(10, "Normal", "Alerting"))
    assert (seen.starts_at, seen.ended_at, seen.firing) == (at(10), at(30), False)
    assert (seen.metric, seen.robot_id, seen.severity) == ("servo_temp", "r1", "critical")
    assert (seen.value, seen.limit) == (80, 75)
    assert (seen.origin, seen.by_look, seen.vanished) == ("pull", False, False)
    assert seen.message == "Servo temperature is 80 °C, above the critical limit of 75 °C."


def test_only_the_state_itself_tells_whether_it_began_or_ended():
    assert told(row(1, "Alerting", "Alerting (Error, KeepLast)")) == []
    assert told(row(2, "Normal (Error, KeepLast)", "Normal")) == []
    assert told(row(3, "Normal", "Pending")) == []
    [kept] = told(row(4, "Alerting (Error, KeepLast)", "Normal (MissingSeries)"))
    assert not kept.firing and kept.vanished
    [pending] = told(row(5, "Pending", "Alerting"))
    assert pending.firing and pending.seen_at == at(5), "it says nothing of the present"


def test_a_begin_without_its_end_and_an_end_without_its_begin_are_told_as_such():
    again, lone = told(
        row(1, "Alerting", "Normal"),
        row(5, "Normal", "Alerting"),
        row(9, "Normal", "Alerting", robot="r2"),
    )[1:]
    assert (again.firing, lone.firing, lone.robot_id) == (True, True, "r2")
    [ended] = told(row(1, "Alerting", "Normal"))
    assert ended.starts_at == ended.ended_at == at(1), "nobody knows when it began"


def test_what_is_not_ours_or_not_readable_is_passed_over():
    assert (
        told(
            row(1, "Normal", "Alerting", alertId=8),
            row(1, "Normal", "Alerting", alertId=9),
            row(1, "Normal", "Alerting", text="Door open {zone=A} - A=1", alertId=8),
            row(1, "Normal", "Alerting", text="a note by hand"),
            row(1, "Normal", "Alerting", text=None),
            row(1, None, None),
            row(1, "Normal", "Alerting", robot="a/b"),
            row(1, "Normal", "Alerting", time=0),
        )
        == []
    )
    [strange] = told(row(1, "Normal", "Alerting", data={"values": {"R": "NaN"}}))
    assert (strange.value, strange.limit) == (None, None)


def test_two_minutes_are_read_twice_but_nothing_of_before_the_first_look():
    def span(read_until, since):
        found = window(read_until, since, at(1000))
        return [datetime.fromtimestamp(ms / 1000, UTC) for ms in (found.start, found.end)]

    assert span(at(900), at(0)) == [at(900) - OVERLAP, at(1000) + OVERLAP]
    assert span(at(900), at(890)) == [at(890), at(1000) + OVERLAP]
    back = window(at(9000), at(8000), at(0))  # our clock was set back
    assert back.start == back.end


class Recorded:
    """A Grafana with these rows: newest first, cut off at the limit."""

    def __init__(self, times, now="Alerting"):
        states = {"prevState": "Normal", "newState": now}
        self.rows = [{"id": n, "time": ms, **states} for n, ms in enumerate(times)]
        self.asked = 0

    async def alert_history(self, since_ms, until_ms, limit):
        self.asked += 1
        found = [r for r in self.rows if since_ms <= r["time"] <= until_ms]
        return sorted(found, key=lambda r: -r["time"])[:limit]


@given(st.lists(st.integers(1, 4000), max_size=60), st.integers(1, 8))
async def test_every_row_is_read_once_however_small_the_pages(times, limit):
    recorded = Recorded(times)
    found = await pages(recorded, Window(1, 4000), limit)
    assert sorted(r["id"] for r in found) == list(range(len(times)))


async def test_a_quiet_time_costs_one_request_and_one_evaluation_of_thousands_a_few():
    quiet = Recorded([5, 9])
    assert len(await pages(quiet, Window(1, 10_000))) == 2
    assert quiet.asked == 1
    crowded = Recorded([777] * 3000)
    assert len(await pages(crowded, Window(1, 10_000))) == 3000
    assert crowded.asked < 40


async def test_rows_that_begin_and_end_nothing_are_read_and_not_kept():
    errors = Recorded(range(1, 5000), now="Normal (Error, KeepLast)")
    assert await pages(errors, Window(1, 10_000)) == []
    assert errors.asked > 5


@pytest.mark.parametrize("window", [Window(5, 5), Window(1, 2)])
def test_a_millisecond_is_not_halved(window):
    halves = window.halves()
    assert halves is None or {h.start for h in halves} == {1, 2}
