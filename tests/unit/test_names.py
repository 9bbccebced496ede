"""Names that people give to windows, schedules, targets and routes: one rule in every door."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError
from typer.testing import CliRunner

from glue.api.notifications.shapes import Label
from glue.cli import maintenance, notify, report_schedules
from glue.core.names import objection

COMMANDS = {
    "window": (maintenance.app, ["add", "--start=now", "--end=2h", "--fleet"]),
    "schedule": (report_schedules.app, ["add", "job", "--every=daily"]),
    "target": (notify.app, ["add-target", "--url=json://h"]),
}


@pytest.mark.parametrize("name", ["a", "night shift", "x" * 60, "夜班", "Zoë's"])
def test_names(name: str) -> None:
    assert objection(name) is None
    assert TypeAdapter(Label).validate_python(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 61, " a", "a ", "a\tb", "a\nb", "a\x7fb", "a\u202eb"]
)
def test_what_is_no_name_is_refused_in_every_door(name: str) -> None:
    assert objection(name)
    with pytest.raises(ValidationError):
        TypeAdapter(Label).validate_python(name)


@pytest.mark.parametrize("what", COMMANDS)
def test_commands_refuse_it_with_one_sentence(what: str) -> None:
    app, (command, *more) = COMMANDS[what]
    result = CliRunner().invoke(app, [command, "a\u202eb", *more])
    assert result.exit_code in (1, 2)
    assert str(objection("")) in result.output
