"""The topic model: what it accepts, and that its errors lead to the line."""

from __future__ import annotations

import pytest

from glue.core import topics
from glue.settings import PROJECT

SOURCE = PROJECT / "telegraf" / "topics.yml"

SMALL = """\
root: fleet
most_bytes: 1024
events: [job]
heartbeat: {topic: fleet/pipeline/heartbeat, time: at}
topics:
  battery:
    pattern: fleet/battery[/{robot_id}]
    time: timestamp
    points:
      - measurement: battery
        tags:
          pack: {characters: name, most: 20, required: true}
        fields:
          voltage: {type: float, unit: V, range: [0, 100]}
          cells:
            type: int
            unit: cells
            range: [1, 20]
          charging: {type: bool}
"""


def errors(text: str) -> list[str]:
    with pytest.raises(topics.TopicModelError) as caught:
        topics.parse(text, "t.yml")
    return str(caught.value).splitlines()


def test_the_small_model_is_read() -> None:
    model = topics.parse(SMALL, "t.yml")
    battery = model.topics["battery"]
    assert (battery.family, battery.id_optional) == ("battery", True)
    assert battery.points[0].fields["voltage"].range == (0, 100)
    assert list(model.stored()) == [
        ("battery", "voltage", "float"),
        ("battery", "cells", "int"),
        ("battery", "charging", "bool"),
    ]


FIELD = "topics.battery.points.0.fields"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: int", "type: integer", f"t.yml:16: {FIELD}.cells.type: Input should be"),
        ("range: [1, 20]", "range: [20, 1]", f"t.yml:18: {FIELD}.cells.range: the lowest value"),
        ("range: [1, 20]", "range: [1]", f"t.yml:18: {FIELD}.cells.range: a range is [lowest, "),
        ("range: [1, 20]", "range: [1, 20, 19]", f"t.yml:18: {FIELD}.cells.range: values are "),
        ("most_bytes:", "mistaken_roots: [fleet]\nmost_bytes:", "t.yml:1: the model: 'fleet' is "),
        ("most_bytes:", "mistaken_roots: ['a/#']\nmost_bytes:", "t.yml:2: mistaken_roots.0: "),
        ("range: [1, 20]", "range: [one, 20]", f"t.yml:18: {FIELD}.cells.range.0: "),
        ("range: [1, 20]", "rang: [1, 20]", f"t.yml:18: {FIELD}.cells.rang: is not known here"),
        ("            unit: cells\n", "", f"t.yml:15: {FIELD}.cells: a field of type int needs"),
        ("{type: bool}", "{type: bool, unit: x}", f"t.yml:19: {FIELD}.charging: a bool has no"),
        ("    time: timestamp\n", "", "t.yml:6: topics.battery.time: is missing"),
        ("fleet/battery[/{robot_id}]", "fleet/battery/#", "t.yml:7: topics.battery.pattern: "),
        ("fleet/battery[", "other/battery[", "t.yml:1: the model: topics.battery.pattern does not"),
        ("events: [job]", "events: [battery]", "t.yml:1: the model: topics.battery and events"),
        ("most_bytes: 1024", "most_bytes: lots", "t.yml:2: most_bytes: Input should be"),
        ("characters: name", "characters: any", "t.yml:12: topics.battery.points.0.tags.pack."),
        ("pack: {", "robot_id: {", "t.yml:10: topics.battery.points.0: robot_id is a tag"),
        ("          cells:", "          voltage:", f"t.yml:15: {FIELD}.voltage: given twice"),
        ("          cells:", "          Cells:", f"t.yml:15: {FIELD}.Cells: String should match"),
        ("range: [0, 100]}", "range: [0, 100]", "not YAML: "),
    ],
)
def test_an_error_names_file_line_and_field(old: str, new: str, said: str) -> None:
    assert SMALL.count(old) == 1, "the case must change exactly one place"
    assert any(said in line for line in errors(SMALL.replace(old, new)))


def test_all_errors_are_told_at_once() -> None:
    broken = SMALL.replace("type: int", "type: text").replace("most: 20", "most: 0")
    assert [line.split(":")[1] for line in errors(broken)] == ["12", "16"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "root"])
def test_what_is_no_model_is_refused(text: str) -> None:
    assert errors(text)[0].startswith("t.yml:1: ")


def test_a_field_may_not_have_two_types() -> None:
    second = (
        SMALL.split("topics:\n")[1]
        .replace("battery", "power", 2)
        .replace("type: int", "type: float")
    )
    assert any("battery.cells has two types" in line for line in errors(SMALL + second))


def test_a_range_may_depend_only_on_a_tag_that_is_always_there() -> None:
    by = "range: [0, 100], range_by: {tag: pack, ranges: {lipo: [0, 30]}}"
    chosen = SMALL.replace("range: [0, 100]", by)
    point = topics.parse(chosen, "t.yml").topics["battery"].points[0]
    assert point.ranges_by_tag == {"lipo": (0, 30)}
    assert "is no required tag" in errors(chosen.replace(", required: true", ""))[0]


def test_the_shipped_model_feeds_what_the_limits_read() -> None:
    model = topics.parse(SOURCE.read_text(encoding="utf-8"), str(SOURCE))
    stored = set(model.stored())
    assert {
        ("performance", "cpu_percent", "float"),
        ("performance", "memory_percent", "float"),
        ("performance", "cpu_temperature", "float"),
        ("battery", "percentage", "float"),
        ("battery", "charging", "bool"),
        ("servos", "temperature", "float"),
    } <= stored
