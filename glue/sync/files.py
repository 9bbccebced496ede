"""What the repository's files say that Grafana should hold: ``provisioning/``, ``grafana/``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from glue.core.definitions import duration, expanded
from glue.core.grafana_state import Definitions, Files
from glue.core.provisioning import INTERVAL_VARIABLE
from glue.environment import exported
from glue.settings import Settings


class FilesError(Exception):
    """A file that Grafana reads cannot be read; the text names it."""


def defined(checkout: Path, settings: Settings) -> dict[Files, Definitions]:
    """By kind. Raises :class:`FilesError`."""
    environment = {
        **exported(settings),
        INTERVAL_VARIABLE: f"{settings.glue.evaluation_interval:g}s",
    }
    provisioning = checkout / "provisioning"
    return {
        "datasources": dict(_data_sources(provisioning / "datasources", environment)),
        "dashboards": dict(_dashboards(checkout / "grafana" / "dashboards")),
        "alerting": dict(_alerting(provisioning / "alerting", environment)),
    }


@contextmanager
def without_rule(checkout: Path, uid: str) -> Iterator[None]:
    """Meanwhile a file tells Grafana to delete the rule ``uid``. Raises :class:`FilesError`."""
    path = checkout / "provisioning" / "alerting" / "removed.yml"
    body = {"apiVersion": 1, "deleteRules": [{"orgId": 1, "uid": uid}]}
    try:
        path.write_text(yaml.safe_dump(body, sort_keys=False))
    except OSError as error:
        raise FilesError(
            f"{path}: {error.strerror}. `tonypi sync apply` does it, called by who may write there;"
            f" or put that file there yourself (deleteRules: orgId 1, uid {uid}), restart Grafana,"
            " and remove it again"
        ) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _data_sources(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for document in _documents(folder):
        for source in document.get("datasources") or []:
            yield source["uid"], expanded(source, environment)


def _dashboards(folder: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        try:
            dashboard = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise FilesError(f"{path}: {error}") from None
        yield dashboard["uid"], dashboard


def _alerting(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Rules keep their dollars: Grafana expands of them interval and pending period alone. Their
    folder is left out: it is compared by itself, and a reload while it is renamed would make a
    second one."""
    for document in _documents(folder):
        for group in document.get("groups") or []:
            for rule in group["rules"]:
                more = {"group": group["name"], "interval": group["interval"], "for": rule["for"]}
                told = {name: duration(expanded(text, environment)) for name, text in more.items()}
                yield f"rule {rule['uid']}", {**rule, **told}
        for point in document.get("contactPoints") or []:
            yield f"contact point {point['name']}", expanded(point, environment)


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.yml")):
        try:
            document = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise FilesError(f"{path}: {error}") from None
        if document:
            yield document
