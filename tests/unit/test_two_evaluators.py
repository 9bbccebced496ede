"""Grafana and the standby evaluator in turns, on the same readings: one episode a crossing.

Grafana dies and comes back with the state that it had; meanwhile the standby takes over, from what
is held. Posts are lost or late. Looks read Grafana's history and state while it is in charge.
"""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core.endings import missing
from glue.core.episodes import Known, decide
from glue.core.occurrences import Observation

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MISSED = 4
"""Seconds without an evaluation until the standby takes over, and with some until it hands back."""
LOOK = 3


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def seen(firing, starts, when, **more):
    made = Observation(
        metric="servo_temp",
        robot_id="r1",
        severity="warning",
        firing=firing,
        starts_at=at(starts),
        seen_at=at(when),
        origin=more.pop("origin", "pull"),
        ended_at=None if firing else at(when),
    )
    return replace(made, **more)


class World:
    """What everybody knows at a second; ``posts`` are due at a time."""

    def __init__(self):
        self.known, self.ids = Known(), itertools.count(1)
        self.history, self.posts = [], []
        self.alerting_since = None
        self.standby_since = None

    def take(self, *observations):
        for one in observations:
            decide(self.known, one, self.ids)

    def grafana_evaluates(self, now, hot, post_after):
        if hot == (self.alerting_since is not None):
            return
        if hot:
            self.alerting_since = now
            self.history.append((now, now, True))
            told = seen(True, now, now, origin="push")
        else:
            began, self.alerting_since = self.alerting_since, None
            self.history.append((now, began, False))
            told = seen(False, began, now, origin="push")
        if post_after is not None:
            self.posts.append((now + post_after, told))

    def look(self, now):
        """The history of the last two minutes and what fires, as ``alerts/pull.py`` reads them."""
        begun = None
        for when, _, firing in [*self.history, (None, None, None)]:
            if when is not None and when < now - 120:
                continue
            if firing is False:
                self.take(seen(False, when if begun is None else begun, when))
                begun = None
            elif begun is not None:
                self.take(seen(True, begun, begun))
            if firing:
                begun = when
        if self.alerting_since is not None:
            self.take(seen(True, self.alerting_since, now))
        listed = {("servo_temp", "r1", "warning")} if self.alerting_since is not None else set()
        held = [o for o in self.known.occurrences if o.firing]
        for one, when in missing(held, listed, lambda one: at(now)):
            gone = seen(False, 0, 0, by_look=True)
            self.take(replace(gone, starts_at=one.starts_at, ended_at=when, seen_at=when))

    def standby_evaluates(self, now, hot, takes_over):
        if takes_over:
            held = next((o for o in self.known.occurrences if o.firing), None)
            self.standby_since = (held.starts_at - T0).total_seconds() if held else None
        if hot:
            if self.standby_since is None:
                self.standby_since = now
            self.take(seen(True, self.standby_since, now, origin="standby"))
        elif self.standby_since is not None:
            self.standby_since = None
            self.take(seen(False, now, now, origin="standby"))


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_one_episode_a_crossing_whoever_evaluates(data):
    turns = list(
        itertools.accumulate(data.draw(st.lists(st.integers(12, 25), min_size=2, max_size=9)))
    )
    turns = turns[: len(turns) // 2 * 2]
    deaths = list(itertools.accumulate(data.draw(st.lists(st.integers(2, 40), max_size=12))))
    ends = turns[-1] + 60
    world, alive_for, dead_for, charge = World(), 99, 0, "grafana"
    for now in range(ends):
        hot = sum(turn <= now for turn in turns) % 2 == 1
        alive = sum(death <= now for death in deaths) % 2 == 0 or now > turns[-1] + 15
        alive_for, dead_for = (alive_for + 1, 0) if alive else (0, dead_for + 1)
        before, charge = (
            charge,
            ("standby" if dead_for > MISSED else "grafana" if alive_for > MISSED else charge),
        )
        for due in [post for post in world.posts if post[0] <= now]:
            world.posts.remove(due)
            world.take(due[1])
        if alive:
            world.grafana_evaluates(now, hot, data.draw(st.sampled_from([None, 0, 1, 5])))
            if charge == "grafana" and now % LOOK == 0:
                world.look(now)
        if charge == "standby":
            hot_then = sum(turn <= now + 0.4 for turn in turns) % 2 == 1
            world.standby_evaluates(now + 0.4, hot_then, before != charge)
    world.look(ends)
    found = sorted(world.known.episodes.values(), key=lambda e: e.starts_at)
    assert len(found) == len(turns) // 2
    for episode, hot, cool in zip(found, turns[::2], turns[1::2], strict=True):
        assert at(hot) <= episode.starts_at <= at(hot + 10)
        assert at(cool) <= episode.resolved_at <= at(cool + 10)
