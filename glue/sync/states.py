"""The two states that are compared: what Grafana should hold, and what it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from glue import store
from glue.core import fleet_changes as core_changes
from glue.core import grafana_desired as desired
from glue.core.grafana_change import Owned
from glue.core.grafana_plan import plan
from glue.core.grafana_state import Definitions, Files, State
from glue.core.provisioning import RULE_FOLDER
from glue.core.rules import RULES
from glue.grafana import Grafana
from glue.settings import Settings
from glue.store import fleet_changes, grafana_objects, users
from glue.sync.files import defined

MARKED_DAYS = 30
"""How far back changes are marked on charts: longer than series are kept by default."""

MARKED = 1000
"""Marks at most."""


@dataclass(frozen=True)
class Looked:
    """What a look found. ``owned``: what is ours of it."""

    wanted: State
    running: State
    owned: Owned


async def look(
    settings: Settings, pool: store.Pool, grafana: Grafana, checkout: Path, now: datetime
) -> Looked:
    """Reads both. Raises ``StoreUnavailable``, ``GrafanaError``, ``FilesError``.

    What stands between us and Grafana comes first, alone: without our own rights there, the rest
    cannot even be read.
    """
    ours = await _standing(settings, grafana)
    if plan(ours.wanted, ours.running, ours.owned).drift:
        return ours
    since = _since(now)
    async with store.transaction(pool) as conn:
        people = await users.listed(conn)
        changes = await fleet_changes.since(conn, since, MARKED)
        owned = await grafana_objects.owned(conn)
        sign_outs = await grafana_objects.sign_outs(conn)
    files = await asyncio.to_thread(defined, checkout, settings)
    rules_uid = await grafana.rule_folder(RULES[0].uid) or await grafana.folder_uid(RULE_FOLDER)
    accounts = desired.accounts(people)
    wanted = State(
        accounts=accounts,
        teams=desired.teams(accounts),
        folders=desired.folders(rules_uid),
        marks=core_changes.marks(changes),
        files=files,
        sign_outs=sign_outs,
    )
    return Looked(wanted, await _running(grafana, wanted, owned, since, now), owned)


async def _standing(settings: Settings, grafana: Grafana) -> Looked:
    root = desired.root(settings.grafana.admin_user, settings.grafana.admin_email)
    there, organisations = await grafana.standing()
    return Looked(
        State(root=root, organisations=frozenset({desired.KEEP})),
        State(accounts={there.login: there}, organisations=organisations),
        {},
    )


async def _running(
    grafana: Grafana, wanted: State, owned: Owned, since: datetime, now: datetime
) -> State:
    ids = [number for (kind, _), number in owned.items() if kind == "team"]
    first, last = _ms(since), _ms(now + timedelta(days=1))
    accounts, teams, folders, marks, files, machines = await asyncio.gather(
        grafana.accounts(),
        grafana.teams(wanted.teams, ids),
        grafana.folders(wanted.folders),
        grafana.marks(core_changes.TAG, first, last),
        _defined(grafana, wanted.files),
        grafana.machines(),
    )
    return State(
        accounts=accounts,
        teams=teams,
        folders=folders,
        # Grafana also finds a stretch that began before and reaches into the range.
        marks={key: mark for key, mark in marks.items() if mark.at >= first},
        files=files,
        others=tuple(machines),
    )


async def _defined(
    grafana: Grafana, wanted: Mapping[Files, Definitions]
) -> dict[Files, Definitions]:
    found = await asyncio.gather(*(grafana.defined(kind, wanted[kind]) for kind in wanted))
    return dict(zip(wanted, found, strict=True))


def _since(now: datetime) -> datetime:
    """A whole day, so that the same marks are looked for all day long."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=MARKED_DAYS)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
