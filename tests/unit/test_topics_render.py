"""Rendering: strict, deterministic, and the committed file is never stale."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from glue import settings
from glue.cli import telegraf as command
from glue.core import robot_id, topics, topics_render

FOLDER = settings.PROJECT / "telegraf"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "telegraf"))


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, ["telegraf", "render", *arguments])
    return result.exit_code, result.output


def test_the_committed_configuration_is_current() -> None:
    assert run("--check")[0] == 0


def test_a_stale_file_fails_the_check_and_is_left_alone(folder: Path) -> None:
    target = folder / "telegraf.conf"
    target.write_text(target.read_text() + "# by hand\n")
    code, said = run("--check", "--folder", str(folder))
    assert code == 1
    assert "-# by hand" in said
    assert target.read_text().endswith("# by hand\n")
    code, said = run("--check", "--json", "--folder", str(folder))
    assert (code, json.loads(said)["state"]) == (1, "stale")
    assert run("--folder", str(folder))[0] == 0
    assert target.read_text() == (FOLDER / "telegraf.conf").read_text()
    assert "is current" in run("--folder", str(folder))[1]


def test_a_changed_model_makes_the_file_stale(folder: Path) -> None:
    model = folder / "topics.yml"
    model.write_text(model.read_text().replace("range: [-40, 200]", "range: [-40, 180]"))
    assert run("--check", "--folder", str(folder))[0] == 1


def test_an_unusable_model_is_told_with_its_line(folder: Path) -> None:
    model = folder / "topics.yml"
    model.write_text(model.read_text().replace("type: bool", "type: boolean"))
    line = model.read_text().splitlines().index("          charging: {type: boolean}") + 1
    code, said = run("--json", "--folder", str(folder))
    assert code == 2
    assert f"topics.yml:{line}: topics.battery.points.0.fields.charging.type" in said
    (folder / "topics.yml").unlink()
    assert run("--folder", str(folder))[0] == 2


@pytest.mark.parametrize(
    ("template", "old", "new", "said"),
    [
        ("telegraf.conf.j2", "{{ model.root }}", "{{ model.roof }}", "telegraf.conf.j2:23: "),
        ("program.star.j2", "{{ model.most_bytes }}", "{{ most }}", "'most' is undefined"),
        ("program.star.j2", "{{ model.most_bytes }}", "{{ model. }}", "program.star.j2:19: "),
        ("program.star.j2", '{% include "clock.star" %}', '{% include "c" %}', "no such template"),
        ("clock.star", "SECOND = 1000000000", "SECOND = '''1'''", "''' would end the program"),
    ],
)
def test_a_template_with_a_name_that_is_not_there_fails(
    folder: Path, template: str, old: str, new: str, said: str
) -> None:
    path = folder / "templates" / template
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    code, output = run("--folder", str(folder))
    assert code == 2
    assert said in output


def test_text_that_could_leave_its_quotes_is_refused() -> None:
    source = (FOLDER / "topics.yml").read_text().replace("ultrasonic_distance:", '"a\'b":')
    model = topics.parse(source, "t.yml")
    templates = {p.name: p.read_text() for p in (FOLDER / "templates").iterdir()}
    with pytest.raises(topics_render.RenderError, match="cannot stand"):
        topics_render.render(model, templates)


def test_hosts_tokens_and_zones_come_from_known_settings_with_their_defaults() -> None:
    """Every ``${NAME:-default}`` is a setting, and says the same default."""
    text = (FOLDER / "telegraf.conf").read_text()
    defaults = {
        str(field.validation_alias): field.default
        for group in settings.GROUPS.values()
        for field in group.model_fields.values()
    }
    used = re.findall(r"\$\{(\w+):-([^}]*)\}", text)
    assert len(used) == text.count("${") > 10
    for name, default in used:
        expected = defaults[name]
        shown = expected.get_secret_value() if hasattr(expected, "get_secret_value") else expected
        if isinstance(shown, float):
            shown = int(shown)
        assert default == ("" if shown == {} else str(shown)), name


def test_the_program_accepts_the_robot_ids_that_everybody_accepts() -> None:
    assert f"{{1,{topics_render.ID_MOST}}}" in robot_id.PATTERN
    for character in map(chr, range(256)):
        assert robot_id.is_robot_id(character) == (character in topics_render.ID_CHARACTERS)
