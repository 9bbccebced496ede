"""What the panels are in a browser, over 15 minutes, 6 hours and 7 days: words, units, colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.browser import Browser
from tests.integration.dashboards import drawn
from tests.integration.dashboards.fleet import DASHBOARDS, LOOK_ALIKE, LOOKED_AT, UNTIL, Shown
from tests.integration.dashboards.known_drawn import COLOURS, DRAWN, RANGES

Look = Callable[..., Mapping[str, drawn.Panel]]
EVERY = [(board, length) for board in COLOURS for length in RANGES]


@pytest.fixture(scope="module")
def look(shown: Shown, browser: Browser) -> Iterator[Look]:
    """``look(dashboard, time range, robot)``: its panels by title; each is opened once."""
    seen: dict[tuple[str, str, str], Mapping[str, drawn.Panel]] = {}
    with browser.person(1600, 2600) as page:

        def look(board: str, length: str, robot: str = LOOKED_AT) -> Mapping[str, drawn.Panel]:
            until = shown.base + UNTIL
            time = f"from={(until - RANGES[length]) * 1000}&to={until * 1000}"
            url = f"{shown.url}/d/tonypi-{board}/{board}?{time}&var-robot={robot}&theme=dark"
            if (board, length, robot) not in seen:
                seen[board, length, robot] = drawn.look(page, url)
            return seen[board, length, robot]

        yield look


@pytest.mark.parametrize(("board", "length"), EVERY)
def test_a_panel_draws_what_is_known(look: Look, board: str, length: str) -> None:
    panels = look(board, length)
    of_file = {p["title"]: p for p in DASHBOARDS[f"tonypi-{board}"]["panels"] if p["type"] != "row"}
    assert set(panels) == set(of_file)
    for title, panel in panels.items():
        assert not {"NaN", "Infinity", "undefined"} & set(panel.words.split()), title
        empty = of_file[title]["fieldConfig"]["defaults"]["noValue"]
        # The words of an empty panel are not at the ticks of one that is not.
        assert empty not in panel.axis or of_file[title]["type"] == "barchart", title
        units = {tick.rpartition(" ")[2] for tick in panel.axis}
        assert not {"mm", "mV"} & units, (title, panel.axis)
        for text in DRAWN.get(board, {title: []})[title] if board in DRAWN else []:
            said = text if isinstance(text, str) else text[length]
            assert said in panel.words or any(said in tick for tick in panel.axis), (title, panel)


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


def test_the_columns_of_the_fleet_fit_a_screen_beside_the_open_menu(
    shown: Shown, browser: Browser
) -> None:
    with browser.person(1600, 1400) as page:
        drawn.look(page, f"{shown.url}/d/tonypi-fleet/fleet")
        assert page.value("document.body.innerText.includes('Starred')"), "the menu is open"
        over = """[...document.querySelectorAll('[data-testid^="data-testid Panel header"]')]
            .flatMap(panel => [...panel.querySelectorAll('[role=columnheader]')]
                .map(head => head.getBoundingClientRect().right)
                .map(right => right - panel.getBoundingClientRect().right))
            .filter(pixels => pixels > 0)"""
        cut = page.value(over)
        assert page.value("document.querySelectorAll('[role=columnheader]').length") > 15
        assert cut == [], cut
