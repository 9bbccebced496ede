"""What files define against what runs."""

from __future__ import annotations

import pytest

from glue.core.definitions import differences, duration, expanded


def told(wanted: object, running: object) -> list[str]:
    return [str(one) for one in differences({"d": wanted}, {"d": running})]  # type: ignore[dict-item]


def test_what_grafana_adds_is_no_difference() -> None:
    file = {"title": "Fleet", "panels": [{"type": "stat", "options": {}}]}
    there = {
        "id": 7,
        "version": 3,
        "title": "Fleet",
        "panels": [{"type": "stat", "pluginVersion": "11"}],
    }
    assert told(file, there) == []


def test_what_was_taken_out_of_a_file_is_told() -> None:
    file = {"uid": "hot", "labels": {"severity": "warning"}, "data": [{"refId": "A"}]}
    there = {
        "uid": "hot",
        "for": "30s",
        "labels": {"severity": "warning", "team": "night"},
        "data": [{"refId": "A", "model": {"intervalMs": 1000, "hide": True}}],
    }
    assert sorted(told(file, there), reverse=True) == [
        "d labels.team: night → None",
        "d for: 30s → None",
        "d data[0].model: {'intervalMs': 1000, 'hide': True} → None",
    ]


def test_what_grafana_takes_where_a_file_says_nothing_is_no_difference() -> None:
    file = {"uid": "hot", "data": [{"model": {"refId": "A"}}]}
    model = {"refId": "A", "intervalMs": 1000, "maxDataPoints": 43200}
    there = {
        "uid": "hot",
        "folder": "Rules",
        "dasboardUid": "fleet",
        "panelId": 1,
        "for": "0s",
        "noDataState": "NoData",
        "isPaused": False,
        "data": [{"model": model}],
    }
    assert told(file, there) == []
    assert told(file, {**there, "noDataState": "OK"}) == ["d noDataState: OK → None"]


def test_what_is_empty_may_be_left_out() -> None:
    assert told({"tags": [], "isPaused": False, "x": 0}, {}) == []


def test_a_value_a_missing_member_and_a_shorter_list_are_told_with_their_place() -> None:
    file = {"title": "Fleet", "panels": [{"type": "stat"}, {"type": "table"}], "refresh": "5s"}
    assert told(file, {"title": "Fleets", "panels": [{"type": "stat"}]}) == [
        "d title: Fleets → Fleet",
        "d panels: [{'type': 'stat'}] → [{'type': 'stat'}, {'type': 'table'}]",
        "d refresh: None → 5s",
    ]


def test_secrets_cannot_be_compared_and_a_missing_definition_is_told() -> None:
    assert told({"secureJsonData": {"password": "x"}}, {}) == []
    assert [str(one) for one in differences({"a": {}}, {})] == ["a: missing → defined in a file"]


def test_variables_are_expanded_as_grafana_does() -> None:
    given = {"url": "${HOST}:$PORT", "n": 5, "list": ["$MISSING", "plain"]}
    assert expanded(given, {"HOST": "h", "PORT": "1"}) == {
        "url": "h:1",
        "n": 5,
        "list": ["", "plain"],
    }


@pytest.mark.parametrize(
    ("written", "printed"),
    [("0s", "0s"), ("30s", "30s"), ("60s", "1m"), ("90s", "1m30s"), ("3600s", "1h"), ("", "")],
)
def test_seconds_are_what_grafana_prints_of_them(written: str, printed: str) -> None:
    assert duration(written) == printed
