"""Changes of the fleet as marks on charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from glue.core.fleet_changes import FleetChange, marks

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = int(AT.timestamp() * 1000)


def change(number: int, **more: object) -> FleetChange:
    values = {
        "txid": number,
        "at": AT,
        "until": None,
        "actor": None,
        "kind": "limits",
        "robot_id": "r1",
        "metric": "temperature",
        "before": {"warning_threshold": 70, "critical_threshold": 80, "enabled": True},
        "after": {"warning_threshold": 65, "critical_threshold": 80, "enabled": True},
    }
    return FleetChange(number, **(values | more))  # type: ignore[arg-type]


def one(*changes: FleetChange):
    found = marks(changes)
    assert len(found) == 1
    return next(iter(found.values()))


def test_a_limit_says_what_it_was_and_who_changed_it() -> None:
    mark = one(change(3, actor="ada"))
    assert mark.text == "Limits of CPU temperature: warning 70 → 65, for r1 by ada"
    assert mark.tags == {"tonypi", "change:3", "limits", "robot:r1"}
    assert (mark.key, mark.at, mark.until) == ("change:3", MS, None)


def test_the_fleets_limits_are_tagged_for_every_chart() -> None:
    mark = one(change(3, robot_id=None))
    assert mark.text.endswith("for the whole fleet")
    assert "robot:all" in mark.tags


def test_limits_set_switched_off_and_reset() -> None:
    new = change(1, before=None)
    off = change(2, after={"warning_threshold": 70, "critical_threshold": 80, "enabled": False})
    gone = change(3, after=None)
    told = [mark.text for mark in marks([new, off, gone]).values()]
    assert told == [
        "Limits of CPU temperature: warning 65, critical 80, for r1",
        "Limits of CPU temperature: switched off, for r1",
        "Limits of CPU temperature: reset to the level above, for r1",
    ]


def test_one_transaction_is_one_mark_a_kind_however_many_robots() -> None:
    same = [change(n, txid=7, robot_id=f"r{n:03}") for n in range(500)]
    mark = one(*same)
    assert mark.text.endswith("for 500 robots")
    assert mark.tags == {"tonypi", "change:0", "limits", "robot:all"}


def test_tags_fit_into_what_grafana_takes() -> None:
    """At most 500 characters, and of each what stands before its second colon."""
    long = [change(n, txid=7, robot_id=f"{n}".rjust(50, "x")) for n in range(15)]
    assert one(*long).tags == {"tonypi", "change:0", "limits", "robot:all"}
    assert "robot:aa" in one(change(3, robot_id="aa:bb:cc")).tags


def test_robots_that_leave_maintenance_one_by_one_are_drawn_one_by_one() -> None:
    later = AT + timedelta(hours=1)
    both = [
        change(
            n, txid=7, kind="maintenance", metric=None, before=None, after=None, robot_id=f"r{n}"
        )
        for n in (1, 2)
    ]
    assert one(*both).text == "Maintenance for r1, r2"
    left = [both[0], change(2, txid=7, kind="maintenance", metric=None, before=None, after=None,
                            robot_id="r2", until=later)]  # fmt: skip
    drawn = marks(left)
    assert [(m.text, m.until) for m in drawn.values()] == [
        ("Maintenance for r1", None),
        ("Maintenance for r2", MS + 3_600_000),
    ]


def test_activation_says_which_way() -> None:
    new = change(1, kind="activation", metric=None, before=None, after=True)
    off = change(2, kind="activation", metric=None, before=True, after=False)
    on = change(3, kind="activation", metric=None, before=False, after=True)
    assert [mark.text for mark in marks([new, off, on]).values()] == [
        "Newly watched: for r1",
        "No longer watched: for r1",
        "Watched again: for r1",
    ]


def test_the_same_rows_make_the_same_marks_in_any_order() -> None:
    rows = [change(n, txid=n // 3, robot_id=f"r{n}") for n in range(12)]
    assert marks(rows) == marks(reversed(rows))
