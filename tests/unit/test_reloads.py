"""Which reloads are worth another try."""

from __future__ import annotations

from glue.core.grafana_change import Change
from glue.core.reloads import AGAIN_S, Reloads
from tests.unit.test_grafana_plan import in_step, plan, wanted

KINDS = ("datasources", "dashboards", "alerting")


def reload(digest: str = "a", kind: str = "alerting") -> Change:
    return Change("files", "reload", kind, after=["hot: missing"], key=kind, digest=digest)


def test_what_was_done_in_vain_waits_longer_each_time() -> None:
    reloads, now = Reloads(), 10.0
    assert reloads.worth([reload()], now) == [reload()]
    for wait in (*AGAIN_S, AGAIN_S[-1]):
        reloads.done(reload(), now)
        reloads.looked(KINDS, [reload()])
        assert reloads.worth([reload()], now + wait - 1) == []
        now += wait
        assert reloads.worth([reload()], now) == [reload()]


def test_what_was_not_done_is_tried_again_at_once() -> None:
    reloads = Reloads()
    assert reloads.worth([reload()], 10) == [reload()]
    assert reloads.worth([reload()], 11) == [reload()]


def test_what_went_wrong_again_after_it_was_mended_is_mended_again() -> None:
    """The rules' folder deleted twice within minutes."""
    reloads = Reloads()
    reloads.done(reload(), 10)
    reloads.looked(KINDS, [])
    assert reloads.worth([reload()], 20) == [reload()]


def test_what_was_not_looked_at_is_not_taken_for_mended() -> None:
    reloads = Reloads()
    reloads.done(reload(), 10)
    reloads.looked((), [])
    assert reloads.worth([reload()], 15) == []


def test_other_differences_and_other_changes_do_not_wait() -> None:
    reloads = Reloads()
    reloads.done(reload(), 10)
    role = Change("role", "change", "ann", "Viewer", "Editor", 2)
    others = [reload("b"), reload("a", "dashboards"), role]
    assert reloads.worth([reload(), *others], 11) == others


def test_differences_beyond_those_that_are_shown_count() -> None:
    def digest(members: dict[str, int]) -> str:
        files = {"datasources": {"influxdb": {f"m{n}": 0 for n in range(1, 20)}}}
        running, owned = in_step(wanted(files=files))
        want = wanted(files={"datasources": {"influxdb": members}})
        (change,) = plan(want, running, owned).changes
        return change.digest

    many = {f"m{n}": n for n in range(1, 20)}
    assert digest(many) == digest(dict(many))
    assert digest(many) != digest({**many, "m19": 20})
