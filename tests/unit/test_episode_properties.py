"""Any interleaving, repetition or loss of posts, with looks, ends in the episodes of the truth."""

import itertools
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core import episodes
from glue.core.endings import missing
from glue.core.episodes import Known, decide
from glue.core.occurrences import RANK
from tests.observed import T0, at, close_by_hand, play, seen

EXAMPLES = int(os.environ.get("EPISODE_EXAMPLES", "250"))
"""Of each property; more for a long search."""


@st.composite
def truths(draw):
    """Occurrences per severity that do not overlap, as Grafana makes them: (start, end)."""
    truth = {}
    for severity in ("warning", "critical"):
        marks = sorted(draw(st.sets(st.integers(0, 300), min_size=0, max_size=8)))
        pairs = list(zip(marks[::2], marks[1::2], strict=False))
        truth[severity] = [(a, b) for a, b in pairs if b > a]
    return truth


def made_of(truth, cuts=()):
    """{begin: (end, severity at the end, highest)} of the episodes that ``truth`` makes."""
    found = []
    every = sorted((a, b, severity) for severity, pairs in truth.items() for a, b in pairs)
    for a, b, severity in every:
        last = found[-1] if found else None
        if last and a <= last[1] and not any(last[0] <= cut <= a for cut in cuts):
            last[2].append((b, severity))
            last[1] = max(last[1], b)
        else:
            found.append([a, b, [(b, severity)]])
    return {
        a: (
            b,
            max((s for end, s in parts if end == b), key=RANK.__getitem__),
            max((s for _, s in parts), key=RANK.__getitem__),
        )
        for a, b, parts in found
    }


@st.composite
def evidence(draw, truth):
    """Posts with losses and repetitions, looks, and all of the history, in any order."""
    heard, history = [], []
    for severity, occurrences in truth.items():
        for start, end in occurrences:
            known_start = draw(st.sampled_from([start, end]))  # Alertmanager may have forgotten it
            heard += [seen(severity, start)] * draw(st.integers(0, 2))
            heard += [seen(severity, known_start, end)] * draw(st.integers(0, 2))
            history.append(seen(severity, start, end, origin="pull"))
        for when in draw(st.lists(st.integers(0, 320), max_size=4)):
            fires = next((a for a, b in occurrences if a <= when < b), None)
            look = {"when": when, "origin": "pull"}
            heard.append(
                seen(severity, 0, when, by_look=True, **look)
                if fires is None
                else seen(severity, fires, **look)
            )
    return draw(st.permutations(heard + history)), history


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_any_order_loss_and_repetition_ends_in_the_episodes_of_the_truth(data):
    truth = data.draw(truths())
    heard, history = data.draw(evidence(truth))
    known, ids, rows, written = Known(), itertools.count(1), set(), {}
    for one in [*heard, *history]:
        for change in decide(known, one, ids):
            written[change.episode.id] = change.episode
            if change.kind == "opened":
                assert change.episode.id not in rows
                rows.add(change.episode.id)
            assert change.episode.id in rows
            if change.kind == "joined":
                rows.remove(change.episode.id)
        assert sum(e.resolved_at is None for e in known.episodes.values()) <= 1
        assert known.episodes.keys() == rows == {o.alert_id for o in known.occurrences}
    assert {
        (e.starts_at - T0).total_seconds(): (
            (e.resolved_at - T0).total_seconds(),
            e.severity,
            e.worst,
        )
        for e in known.episodes.values()
    } == made_of(truth)
    assert {i: written[i].shown for i in rows} == {i: e.shown for i, e in known.episodes.items()}
    for severity, occurrences in truth.items():
        held = [o for o in known.occurrences if o.severity == severity]
        assert [(o.starts_at, o.ended_at) for o in held] == [(at(a), at(b)) for a, b in occurrences]
        assert all(o.start_known and o.end_known for o in held)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_what_people_did_between_stays_and_the_rest_is_the_truth(data):
    truth = data.draw(truths())
    heard, history = data.draw(evidence(truth))
    known, ids, cuts, seen_by, went = Known(), itertools.count(1), [], set(), {}

    def row_of(alert_id):
        while alert_id in went:
            alert_id = went[alert_id]
        return alert_id

    for one in [*heard, *history]:
        changes = decide(known, one, ids)
        went |= {c.episode.id: c.into for c in changes if c.kind == "joined"}
        unseen = {
            c.episode.id for c in changes if c.kind == "raised" and not c.episode.acknowledged_at
        }
        seen_by = {i for i in seen_by if row_of(i) not in unseen}
        episode = known.episode
        act = data.draw(st.sampled_from(["nothing", "nothing", "acknowledge", "close"]))
        if episode is None or act == "nothing":
            continue
        since = (episode.starts_at - T0).total_seconds()
        when = since + data.draw(st.integers(0, 60)) + 0.5
        if act == "acknowledge":
            known.episodes[episode.id] = episodes.acknowledge(episode, "olga", at(when))
            seen_by.add(episode.id)
        else:
            close_by_hand(known, when)
            cuts.append(when)
    expected = made_of(truth, cuts)
    rows = {(e.starts_at - T0).total_seconds(): e for e in known.episodes.values()}
    assert rows.keys() == expected.keys()
    for start, (end, severity, _) in expected.items():
        if rows[start].cut is None:
            assert (rows[start].resolved_at, rows[start].severity) == (at(end), severity)
    assert {e.cut for e in rows.values() if e.cut} <= {at(cut) for cut in cuts}
    assert all(known.episodes[row_of(i)].acknowledged_by == "olga" for i in seen_by)


@settings(max_examples=300, deadline=None)
@given(truths(), st.data())
def test_without_history_nothing_stays_open_and_no_pair_is_open_twice(truth, data):
    posts = []
    for severity, occurrences in truth.items():
        for start, end in occurrences:
            posts += [seen(severity, start)] * data.draw(st.integers(0, 2))
            posts += [seen(severity, start, end)] * data.draw(st.integers(0, 2))
    known, ids = Known(), itertools.count(1)
    for post in data.draw(st.permutations(posts)):
        decide(known, post, ids)
        assert sum(e.resolved_at is None for e in known.episodes.values()) <= 1
    # The pull is the truth: Grafana says that nothing fires any more.
    held = [o for o in known.occurrences if o.firing]
    for one, when in missing(held, set(), lambda one: at(1000)):
        assert when == at(1000)
        decide(known, seen(one.severity, 0, 1000, origin="pull", by_look=True), ids)
    assert known.episode is None
    assert not any(o.firing for o in known.occurrences)


@settings(max_examples=200, deadline=None)
@given(truths())
def test_told_in_order_every_occurrence_is_inside_an_episode_of_its_severity(truth):
    events = sorted(
        (moment, begins, severity, start, end)
        for severity, occurrences in truth.items()
        for start, end in occurrences
        for moment, begins in ((start, 1), (end, 0))
    )
    _, changes = play(
        *(seen(sev, s) if begins else seen(sev, s, e) for _, begins, sev, s, e in events)
    )
    spans = {}
    for change in changes:
        span = spans.setdefault(change.episode.id, [change.at, None])
        if change.kind == "resolved":
            span[1] = change.at
    for occurrences in truth.values():
        for start, end in occurrences:
            assert any(a <= at(start) and at(end) <= b for a, b in spans.values())
