"""Mutes, groups and maintenance windows in the console, without a script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from glue.core.silences import Matcher, Silence
from glue.store import silences, transaction
from tests.console import Console


def later(**more: float) -> str:
    return (datetime.now(UTC) + timedelta(**more)).strftime("%Y-%m-%dT%H:%M")


async def test_something_is_muted_for_a_while_and_told_again(console: Console) -> None:
    await console.api.post("operator", "/robots", {"robot_id": "r7"})
    operator = await console.as_("operator")
    await operator.get("/alerts")
    await operator.get("/mutes")
    nothing = await operator.send("Mute</button>", comment="new floor")
    assert nothing.status_code == 422 and 'value="new floor"' in nothing.text
    unknown = await operator.send("Mute</button>", robots="lab-*, rr7")
    assert unknown.status_code == 422 and "did you mean r7?" in unknown.text
    page = await operator.send(
        "Mute</button>", ("types", "battery"), robots="lab-*, r7", until=later(hours=2)
    )
    assert page.status_code == 200, operator.text
    (kept,) = await console.api.rows("SELECT * FROM mutes")
    assert (kept["robots"], kept["types"]) == (["lab-*", "r7"], ["battery"])
    assert kept["comment"] == "new floor" and kept["created_by"] == "operator"
    assert "lab-*, r7, battery" in operator.text and "Nothing is muted" not in operator.text
    viewer = await console.as_("viewer")
    await viewer.get("/mutes")
    assert "new floor" in viewer.text and "End it" not in viewer.text
    await operator.send("End it<span")
    assert "Nothing is muted" in operator.text
    past = await operator.send("Mute</button>", robots="r7", until=later(hours=-2))
    assert past.status_code == 422 and "has passed" in operator.text


async def test_silences_of_grafana_stand_beside_them(console: Console) -> None:
    now = datetime.now(UTC)
    matchers = (Matcher("robot_id", "<b>-.*", is_regex=True), Matcher("severity", "info", False))
    one = Silence("s1", matchers, now, now + timedelta(hours=1), "ben", "new <i>floor")
    async with transaction(console.api.pool) as conn:
        await silences.keep(conn, [one], now)
    viewer = await console.as_("viewer")
    page = await viewer.get("/mutes")
    assert "robot_id=~<b>-.*, severity=info" in viewer.text
    assert "<b>-" not in page.text and "ben" in viewer.text


async def test_a_group_is_made_changed_and_removed(console: Console) -> None:
    for robot in ("r1", "r2"):
        await console.api.rows("INSERT INTO robots (robot_id) VALUES (%(r)s)", r=robot)
    operator = await console.as_("operator")
    await operator.get("/groups")
    wrong = await operator.send("Make it</button>", name="hall 2", robot_ids="r1")
    assert wrong.status_code == 422
    unknown = await operator.send("Make it</button>", name="hall-2", robot_ids="r1, nobody")
    assert unknown.status_code == 404 and "r1, nobody" in unknown.text
    await operator.send("Make it</button>", name="hall-2", robot_ids="r1\nr2")
    assert "2 robots" in operator.text
    await operator.get("/robots/r1")
    assert "hall-2" in operator.text
    other = await console.as_("operator")
    await other.get("/groups/hall-2")
    await operator.get("/groups/hall-2")
    await operator.send("Save</button>", robot_ids="r2")
    assert "1 robot" in operator.text
    slower = await other.send("Save</button>", robot_ids="r1")
    assert slower.status_code == 412 and "Somebody changed this meanwhile" in other.text
    await operator.send("Remove it</button>")
    assert "Its robots stay" in operator.text
    await operator.send("Yes, do it")
    assert "There is no group yet" in operator.text


async def test_a_window_is_looked_at_before_it_is_planned(console: Console) -> None:
    operator = await console.as_("operator")
    await operator.get("/maintenance/windows/new")
    sundays = {"start": "2027-03-21T01:30", "end": "2027-03-21T04:00", "zone": "Europe/Berlin"}
    page = await operator.send(
        "Show the times</button>", ("weekdays", "7"), name="floor", robots="lab-*", **sundays
    )
    assert page.status_code == 200, operator.text
    assert "It would take place" in operator.text and "Nothing is kept yet" in operator.text
    # On the last Sunday of March an hour is missing.
    times = page.text.partition("<ol>")[2].partition("</ol>")[0]
    assert 'datetime="2027-03-28T00:30:00+00:00"' in times
    assert 'datetime="2027-03-28T02:00:00+00:00"' in times
    assert not await console.api.rows("SELECT 1 FROM maintenance_windows")
    await operator.send("Plan it</button>")
    assert "Planned: floor." in operator.text and "Takes place next" in operator.text
    (kept,) = await console.api.rows("SELECT * FROM maintenance_windows")
    assert (kept["weekdays"], kept["robots"], kept["fleet"]) == ([7], ["lab-*"], False)

    wrong = await operator.send("Save</button>", end="2027-03-20T01:00")
    assert wrong.status_code == 422 and 'value="2027-03-20T01:00"' in wrong.text
    await operator.get(f"/maintenance/windows/{kept['id']}")
    await operator.send("Save</button>", fleet="true", robots="", enabled="")
    (kept,) = await console.api.rows("SELECT * FROM maintenance_windows")
    assert (kept["fleet"], kept["enabled"], kept["weekdays"]) == (True, False, [7])
    await operator.get("/maintenance/windows")
    assert "the fleet" in operator.text and "Sunday" in operator.text
    await operator.get(f"/maintenance/windows/{kept['id']}")
    await operator.send("Remove it</button>")
    await operator.send("Yes, do it")
    assert "No maintenance is planned" in operator.text
