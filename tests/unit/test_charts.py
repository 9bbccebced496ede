"""Charts: what is drawn, what is not joined, where the marks stand, and that it is sound XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue import charts
from glue.charts import Bar, Limit, Series, Stack, axes, line, svg, themes

BERLIN = ZoneInfo("Europe/Berlin")
SVG = "{http://www.w3.org/2000/svg}"
DAY = datetime(2026, 11, 18, tzinfo=BERLIN).timestamp()
SPAN = (DAY, DAY + 7 * 86400)


def drawn(series: list[Series], **more: object) -> ET.Element:
    asked = {"title": "CPU load", "unit": "%", "span": SPAN, "zone": BERLIN} | more
    return ET.fromstring(charts.lines(series, **asked))  # type: ignore[arg-type]


def words(picture: ET.Element) -> list[str]:
    return [one.text or "" for one in picture.iter(f"{SVG}text")]


def test_gaps_are_not_joined_and_a_lonely_point_is_a_dot() -> None:
    points = [(DAY, 1.0), (DAY + 60, 2.0), (DAY + 120, None), (DAY + 180, 3.0), (DAY + 240, None)]
    picture = drawn([Series("r1", points)])
    (path,) = picture.iter(f"{SVG}path")
    assert path.get("d", "").count("M") == 1
    assert len(list(picture.iter(f"{SVG}circle"))) == 1


def test_points_too_far_apart_are_not_joined() -> None:
    points = [(0.0, 1.0), (60.0, 1.0), (300.0, 1.0), (360.0, 1.0)]
    assert [len(run) for run in line.unbroken(points, 90)] == [2, 2]
    assert [len(run) for run in line.unbroken(points, None)] == [4]


def test_limits_are_lines_over_the_readings_and_named_above_the_plot() -> None:
    points = [(DAY, 50.0), (DAY + 60, 71.0)]
    picture = drawn([Series("r1", points)], limits=[Limit(70, "warning")])
    dashed = [one for one in picture.iter(f"{SVG}line") if one.get("stroke-dasharray")]
    assert [one.get("stroke") for one in dashed] == [themes.LIGHT.warning] * 2, "line and key"
    drawn_in_order = [one.tag.removeprefix(SVG) for one in picture if one in dashed or one.get("d")]
    assert drawn_in_order[:2] == ["path", "line"], "no reading hides the limit"
    (named,) = [one for one in picture.iter(f"{SVG}text") if one.text == "warning 70"]
    (title,) = [one for one in picture.iter(f"{SVG}text") if one.get("font-weight") == "600"]
    assert float(title.get("y", 0)) + svg.SIZE < float(named.get("y", 0)) < line.TOP - svg.SIZE / 2


def test_what_it_shows_is_said_in_words() -> None:
    points = [(DAY, 10.0), (DAY + 60, 90.0), (DAY + 120, 40.0)]
    picture = drawn([Series("<r1> & co", points)], limits=[Limit(70, "warning")])
    said = "<r1> & co: lowest 10, highest 90, last 40 %; warning limit 70 %."
    assert picture.findtext(f"{SVG}desc") == said
    assert picture.get("aria-label") == f"CPU load. {said}"


def test_nothing_to_show_is_said() -> None:
    for series in ([], [Series("r1", [])], [Series("r1", [(DAY, None)])]):
        picture = drawn(series)
        assert line.EMPTY in words(picture)
        assert picture.findtext(f"{SVG}desc") == line.EMPTY


def test_the_zone_stands_on_the_axis_and_days_begin_at_its_midnight() -> None:
    assert "Europe/Berlin (CET)" in words(drawn([]))
    marks = axes.times(*SPAN, BERLIN)
    assert [told for _, told in marks][:3] == ["Wed 18", "Thu 19", "Fri 20"]
    assert marks[0][0] == DAY


def test_days_on_which_the_clocks_change_begin_at_midnight_too() -> None:
    since = datetime(2026, 10, 24, tzinfo=BERLIN)
    until = datetime(2026, 10, 27, tzinfo=BERLIN)
    for at, _ in axes.times(since.timestamp(), until.timestamp(), BERLIN):
        assert datetime.fromtimestamp(at, BERLIN).minute == 0
        assert datetime.fromtimestamp(at, BERLIN).hour in (0, 12)
    spring = datetime(2026, 3, 29, tzinfo=BERLIN)
    marks = axes.times(spring.timestamp(), (spring + timedelta(hours=5)).timestamp(), BERLIN)
    assert "02:00" not in [told for _, told in marks]


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_marks_of_values_enclose_them_and_are_few(low: float, more: float) -> None:
    marks = axes.values(low, low + more)
    slack = max(abs(low), abs(low + more), 1) * 1e-8
    assert marks[0] <= low + slack and marks[-1] >= low + more - slack
    assert 2 <= len(marks) <= 13
    assert all(a < b for a, b in pairwise(marks))


@settings(deadline=None)
@given(st.integers(60, 400 * 86400), st.integers(0, 2_000_000_000))
def test_marks_of_times_lie_inside_and_in_order(seconds: int, since: int) -> None:
    marks = [at for at, _ in axes.times(since, since + seconds, BERLIN)]
    assert all(since <= at <= since + seconds for at in marks)
    assert len(marks) <= 14
    assert marks == sorted(set(marks))


def test_bars_and_columns_say_what_is_missing() -> None:
    found = [Bar("Ada", 45.0), Bar("机器人 <1>", None)]
    picture = ET.fromstring(charts.bars(found, title="Servos", limits=[Limit(75, "critical")]))
    assert "no data" in words(picture)
    assert picture.findtext(f"{SVG}desc") == "Ada 45; 机器人 <1> no data."
    stacks = [Stack("completed", [1, 0], "good"), Stack("failed", [0, 2], "critical")]
    picture = ET.fromstring(charts.columns(["Mon", "Tue"], stacks, title="Jobs"))
    colours = [one.get("fill") for one in picture.iter(f"{SVG}rect")]
    assert themes.LIGHT.good in colours and themes.LIGHT.critical in colours
    empty = ET.fromstring(charts.columns([], [Stack("completed", [])], title="Jobs"))
    assert line.EMPTY in words(empty)


@pytest.mark.parametrize("theme", [themes.LIGHT, themes.DARK])
def test_a_page_can_give_its_own_colours(theme: themes.Theme) -> None:
    points = [(DAY, 1.0), (DAY + 60, 2.0)]
    picture = drawn([Series("r1", points)], theme=themes.CSS)
    (path,) = picture.iter(f"{SVG}path")
    assert path.get("stroke") == f"var(--chart-1, {themes.LIGHT.series[0]})"
    assert f"--chart-1: {theme.series[0]};" in themes.variables(theme)


def test_a_time_zone_without_a_name() -> None:
    assert line.zone_name(SPAN, UTC) == "UTC"
    assert line.zone_name(SPAN, ZoneInfo("America/Sao_Paulo")) == "America/Sao_Paulo"
