"""``tonypi telegraf``: write Telegraf's configuration from the topic model."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated

import typer

from glue import settings
from glue.core import topics, topics_render

FOLDER = settings.PROJECT / "telegraf"

STALE = 1
UNUSABLE = 2


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Telegraf's configuration, from the topic model.")
    group.command("render")(render)
    group.callback()(lambda: None)
    app.add_typer(group, name="telegraf")


def render(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the file is stale.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    folder: Annotated[
        Path, typer.Option(help="Holds topics.yml, templates/ and telegraf.conf.")
    ] = FOLDER,
) -> None:
    """Write telegraf.conf from topics.yml. Exit codes: 0 done, 1 stale, 2 unusable model."""
    target = folder / "telegraf.conf"
    try:
        text = rendered(folder)
    except (topics.TopicModelError, topics_render.RenderError) as error:
        _answer(as_json, {"state": "unusable", "errors": str(error).splitlines()}, str(error))
        raise typer.Exit(UNUSABLE) from None
    old = target.read_text(encoding="utf-8") if target.exists() else ""
    if old == text:
        _answer(as_json, {"state": "current", "file": str(target)}, f"{target} is current")
        return
    if check:
        diff = list(
            difflib.unified_diff(old.splitlines(), text.splitlines(), "there", "model", n=1)
        )
        said = f"{target} is stale; run `tonypi telegraf render`\n" + "\n".join(diff[:40])
        _answer(as_json, {"state": "stale", "file": str(target), "diff": diff}, said)
        raise typer.Exit(STALE)
    target.write_text(text, encoding="utf-8")
    _answer(as_json, {"state": "written", "file": str(target)}, f"{target} is written")


def rendered(folder: Path) -> str:
    """What ``folder``'s model and templates say telegraf.conf is."""
    source = folder / "topics.yml"
    try:
        text = source.read_text(encoding="utf-8")
        templates = {
            path.name: path.read_text(encoding="utf-8")
            for path in sorted((folder / "templates").iterdir())
        }
    except (OSError, UnicodeDecodeError) as error:
        raise topics.TopicModelError(f"{folder}: cannot be read: {error}") from None
    return topics_render.render(topics.parse(text, str(source)), templates)


def _answer(as_json: bool, facts: dict[str, object], said: str) -> None:
    typer.echo(json.dumps(facts, indent=2) if as_json else said)
