"""What reports say: figures held against the period before, what is missing, a summary in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from glue.core.report import links, words
from glue.core.report.compose import compose
from glue.core.report.content import Content, Figure
from glue.core.report.facts import EMPTY, Reading, Stats, merged
from glue.core.report.request import PRESETS, Request
from tests import panel_queries, reported


@pytest.mark.parametrize("kind", [*PRESETS, "custom"])
@pytest.mark.parametrize("robots", [0, 1, 3])
def test_every_kind_of_any_fleet_survives_its_own_json(kind: str, robots: int) -> None:
    asked = reported.request(kind, ("r0",) if robots == 1 else ())
    made = compose(reported.facts(robots, asked))
    assert Content.model_validate_json(made.model_dump_json()) == made
    assert [section.key for section in made.sections] == list(asked.chosen)
    assert made.summary
    assert len(made.title) <= 200


def test_figures_are_held_against_the_period_before() -> None:
    made = compose(reported.facts(3))
    (cpu,) = [f for s in made.sections for f in s.figures if f.key == "cpu.mean"]
    assert cpu.before is not None and cpu.value is not None and cpu.value > cpu.before
    assert words.verdict(cpu) == "bad"
    assert any(one.startswith("Worse than before: ") for one in made.summary)


def test_an_earlier_report_stands_in_where_readings_are_gone() -> None:
    facts = reported.facts(3)
    assert facts.before is not None
    gone = replace(facts.before, readings={}, heard={}, wear={})
    made = compose(replace(facts, before=gone, earlier={"cpu.mean": 12.5}))
    by_key = {f.key: f for s in made.sections for f in s.figures}
    assert by_key["cpu.mean"].before == 12.5
    assert by_key["memory.mean"].before is None


def test_a_day_without_data_is_named() -> None:
    made = compose(reported.facts(3, silent=frozenset({3})))
    assert "No robot sent anything on 19 Nov." in made.missing
    assert compose(reported.facts(3)).missing == []


def test_what_influxdb_no_longer_keeps_is_said() -> None:
    facts = reported.facts(3)
    begun = replace(facts, kept_since=facts.period.since + timedelta(days=3))
    assert any("charts begin there" in one for one in compose(begun).missing)
    over = replace(facts, kept_since=facts.period.until + timedelta(days=1), readings={}, heard={})
    (told,) = compose(over).missing
    assert told.startswith("Readings of this time are no longer kept")


def test_robots_that_are_not_there_are_named() -> None:
    facts = replace(reported.facts(1, reported.request(robots=("r0", "ghost"))), unknown=["ghost"])
    assert "ghost is not registered, and left out." in compose(facts).missing


def test_nobody_is_expected_before_it_was_registered() -> None:
    facts = reported.facts(1, reported.request(robots=("r0",)))
    late = replace(facts.robots[0], since=facts.days[5].since)
    heard = {"r0": [0.0] * 5 + [86_400.0] * 2}
    made = compose(replace(facts, robots=[late], heard=heard))
    (figure,) = [f for s in made.sections for f in s.figures if f.key == "availability.percent"]
    assert figure.value == 100
    assert made.missing == []


def test_stack_wide_alerts_have_a_name() -> None:
    from glue.core.report.sections.alerts import titled

    assert titled("servo_temp") == "Servo temperature"
    assert titled("events_stopped") == "events stopped"


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.builds(Stats, st.integers(1, 10_000), st.floats(-50, 150),
             st.floats(-50, 150), st.floats(-50, 150))), max_size=20)
)  # fmt: skip
def test_days_merge_in_any_order(found: list[Stats | None]) -> None:
    one, two = merged(found), merged(list(reversed(found)))
    assert (one is None) == all(stats is None for stats in found)
    if one and two:
        assert one.count == two.count and one.mean == pytest.approx(two.mean)
        halves = merged([merged(found[:3]), merged(found[3:])])
        assert halves is not None and halves.mean == pytest.approx(one.mean)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.4, "59 s"), (90, "2 min"), (3599, "1 h"), (7500, "2 h 5 min"),
     (86_399, "1 d"), (273_600, "3 d 4 h")],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "before", "unit", "said"),
    [(80, 70, "%", "10.0 points more"), (12, 10, "", "20 % more"), (10, 10.2, "", "as before"),
     (66, 60, "°C", "6 °C more"), (5, 0, "", "5 more"), (None, 3, "", ""), (3, None, "", "")],
)  # fmt: skip
def test_changes_read_as_people_say_them(
    value: float | None, before: float | None, unit: str, said: str
) -> None:
    figure = Figure(key="x", label="X", value=value, before=before, unit=unit)
    assert words.change(figure) == said


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "custom"},
        {"kind": "job", "sections": ["jobs"]},
        {"kind": "custom", "sections": ["jobs", "jobs"]},
        {"robots": ["no good"]},
        {"zone": "Mars/Olympus"},
        {"title": "two\nlines"},
        {"until": "2026-11-15T23:01:00Z"},
        {"until": "2028-11-15T23:01:00Z"},
        {"since": "2026-11-15T23:00:00"},
        {"unknown": 1},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    good = {"kind": "job", "since": "2026-11-15T23:00:00Z", "until": "2026-11-22T23:00:00Z"}
    assert Request.model_validate(good)
    with pytest.raises(ValidationError):
        Request.model_validate(good | wrong)


def test_a_reading_that_nobody_sent_is_nothing() -> None:
    assert Reading({}).whole() is None
    assert EMPTY.of("r1") is None


@pytest.mark.parametrize("robots", [(), ("r.0",)])
def test_each_section_leads_to_the_dashboard_that_shows_it(robots: tuple[str, ...]) -> None:
    asked = reported.request("custom", robots)
    led = links.dashboards(asked, "http://g:3000")
    assert list(led) == list(asked.chosen)
    for section, (link,) in led.items():
        uid = link.url.removeprefix("http://g:3000/d/").partition("?")[0]
        assert uid in panel_queries.DASHBOARDS, section
        assert panel_queries.DASHBOARDS[uid]["title"] in link.text
        assert ("var-robot=r.0" in link.url) == bool(robots)
    assert "/d/tonypi-jobs?" in led["jobs"][0].url
    assert links.dashboards(asked, "") == {}
