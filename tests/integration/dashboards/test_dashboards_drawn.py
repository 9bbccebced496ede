"""What the panels are in a browser, over 15 minutes, 6 hours and 7 days: words, units, colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.browser import Browser
from tests.integration.dashboards import drawn
from tests.integration.dashboards.fleet import DASHBOARDS, LOOK_ALIKE, LOOKED_AT, UNTIL, Shown
from tests.integration.dashboards.known_drawn import COLOURS, DRAWN, NOW, RANGES

Look = Callable[..., Mapping[str, drawn.Panel]]
EVERY = [(board, length) for board in COLOURS for length in RANGES]
LONG_AGO = "a month ago"
OPEN, CLOSED, PHONE = "dark, menu open", "light, menu closed", "light, on a phone"
MAP = "Map (red: critical, yellow: warning, green: fine)"
MENU = "localStorage.setItem('grafana.navigation.docked', 'false')"


@pytest.fixture(scope="module")
def look(shown: Shown, browser: Browser) -> Iterator[Look]:
    """``look(dashboard, time range, robot, screen)``: its panels by title; each is opened once."""
    seen: dict[tuple[str, str, str, str], Mapping[str, drawn.Panel]] = {}
    with ExitStack() as stack:
        pages = {
            OPEN: stack.enter_context(browser.person(1600, 2600)),
            CLOSED: stack.enter_context(browser.person(1600, 2600)),
            PHONE: stack.enter_context(browser.person(390, 7000)),
        }
        pages[CLOSED].call("Page.addScriptToEvaluateOnNewDocument", source=MENU)

        def look(
            board: str, length: str, robot: str = LOOKED_AT, screen: str = OPEN
        ) -> Mapping[str, drawn.Panel]:
            until = shown.base + UNTIL - (30 * 86_400 if length == LONG_AGO else 0)
            time = f"from={(until - RANGES.get(length, 900)) * 1000}&to={until * 1000}"
            theme = screen.partition(",")[0]
            url = f"{shown.url}/d/tonypi-{board}/{board}?{time}&var-robot={robot}&theme={theme}"
            if (key := (board, length, robot, screen)) not in seen:
                seen[key] = drawn.look(pages[screen], url)
            return seen[key]

        yield look


@pytest.mark.parametrize(("board", "length"), EVERY)
def test_a_panel_draws_what_is_known(look: Look, board: str, length: str) -> None:
    panels = look(board, length)
    of_file = {p["title"]: p for p in DASHBOARDS[f"tonypi-{board}"]["panels"] if p["type"] != "row"}
    assert set(panels) == set(of_file)
    for title, panel in panels.items():
        assert not {"NaN", "undefined", "Infinity"} & {*panel.words.split(), *panel.axis}, title
        empty = of_file[title]["fieldConfig"]["defaults"]["noValue"]
        # The words of an empty panel are not at the ticks of one that is not.
        assert empty not in panel.axis or of_file[title]["type"] == "barchart", title
        units = {tick.rpartition(" ")[2] for tick in panel.axis}
        assert not {"mm", "mV"} & units, (title, panel.axis)
        for text in DRAWN[board][title]:
            said = text if isinstance(text, str) else text[length]
            assert panel.says(said), (said, title, panel)


@pytest.mark.parametrize(("board", "length"), EVERY)
def test_what_has_a_colour_is_drawn_in_it(look: Look, board: str, length: str) -> None:
    panels = look(board, length)
    for title, colours in COLOURS[board].items():
        there = [text for text, *_ in panels[title].texts]
        found = {text: panels[title].colour(text) for text in colours if text in there}
        assert found == {text: colours[text] for text in found}, title
        assert found, (title, there)


def test_beyond_the_critical_limit_is_red_and_without_limits_nothing_has_a_colour(
    look: Look,
) -> None:
    hot = look("servos", "15 min", LOOK_ALIKE)["Temperature now"]
    assert hot.colour("76") == "red"
    assert look("power", "15 min", LOOK_ALIKE)["Now"].colour("15") == "yellow"
    # In maintenance.
    assert look("power", "15 min", "panel:3")["Now"].colour("25") == "text"


def test_an_alert_of_a_servo_is_drawn_over_the_chart_of_that_servo_alone(look: Look) -> None:
    panels = look("servos", "15 min")
    shaded = "rgba(250, 222, 42, 0.1)"
    over = {title for title, panel in panels.items() if shaded in panel.colours}
    assert over == {"Servo 2"}


@pytest.mark.parametrize("board", NOW)
def test_where_there_is_nothing_a_panel_says_why(look: Look, board: str) -> None:
    of_file = {p["title"]: p for p in DASHBOARDS[f"tonypi-{board}"]["panels"] if p["type"] != "row"}
    for title, panel in look(board, LONG_AGO, "panel-4", CLOSED).items():
        words = NOW[board].get(title, of_file[title]["fieldConfig"]["defaults"]["noValue"])
        assert panel.says(words), (words, title, panel)
        assert not {"NaN", "undefined", "Infinity"} & {*panel.words.split(), *panel.axis}, title


@pytest.mark.parametrize("screen", [OPEN, CLOSED, PHONE])
@pytest.mark.parametrize("board", ["fleet", "alerts", "jobs", "logs", "pipeline"])
def test_titles_columns_and_figures_have_their_room(look: Look, board: str, screen: str) -> None:
    # The one that is looked at anyway, where there is one.
    seen = {
        OPEN: ("15 min", LOOKED_AT),
        CLOSED: (LONG_AGO, "panel-4"),
        PHONE: ("15 min", LOOKED_AT),
    }
    panels = look(board, *seen[screen], screen)
    assert {title: p.cut for title, p in panels.items() if p.cut} == {}
    assert {title: p.overprinted for title, p in panels.items() if p.overprinted} == {}


@pytest.mark.parametrize("screen", [OPEN, PHONE])
def test_on_a_map_a_metre_is_as_long_to_the_east_as_to_the_north(look: Look, screen: str) -> None:
    ink = dict(look("fleet", "15 min", screen=screen)[MAP].ink)
    _, _, width, height = ink.pop("map")
    for left, top, right, bottom in ink.values():
        assert right - left == pytest.approx(bottom - top, abs=1), "dots are round, and whole"
        assert left > 5 and right < width - 5 and top > 5 and bottom < height - 5
    (red, yellow, grey) = (_middle(ink[colour]) for colour in ("red", "yellow", "grey"))
    metre = (red[0] - yellow[0]) / 6
    assert red[1] - yellow[1] == pytest.approx(1.5 * metre, abs=1.5)
    assert grey[0] - yellow[0] == pytest.approx(3 * metre, abs=1.5)
    assert grey[1] - yellow[1] == pytest.approx(3.5 * metre, abs=1.5)


def test_a_circle_that_was_walked_is_drawn_as_one(look: Look) -> None:
    # It walked in a circle of 4 m, and in the end to (4.5, 7).
    left, top, right, bottom = look("motion", "6 h")["Path"].ink["blue"]
    assert (right - left) / (bottom - top) == pytest.approx(8.5 / 11, rel=0.03)


def test_a_scatter_of_a_single_point_has_an_axis_that_ends(look: Look) -> None:
    ticks = look("power", "15 min", "panel:3")["Voltage at charge"].axis
    assert {"0%", "20%", "100%"} <= set(ticks)


def _middle(box: tuple[int, int, int, int]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
