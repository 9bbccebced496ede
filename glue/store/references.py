"""Whether the names that somebody gives are there: robots, groups, metrics, targets and others.

Every door calls :func:`check` with the fields it was given, in the transaction that then writes
them. A group that somebody is naming cannot be taken away meanwhile, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

from psycopg import AsyncConnection

from glue.core import references
from glue.core.metrics import AlertType
from glue.core.rules import BY_METRIC
from glue.store.pool import StoreError
from glue.store.queries import load

sql = load("references")

KINDS = {
    "robots": ("robots", "robot"),
    "robot": ("robots", "robot"),
    "robot_id": ("robots", "robot"),
    "groups": ("groups", "group"),
    "group": ("groups", "group"),
    "metrics": ("metrics", "metric"),
    "metric": ("metrics", "metric"),
    "types": ("types", "alert type"),
    "targets": ("target_ids", "notification target"),
    "escalate_to": ("target_ids", "notification target"),
    "target_id": ("target_ids", "notification target"),
    "to": ("targets", "notification target"),
    "user": ("users", "user"),
    "schedule": ("schedules", "report schedule"),
    "window": ("windows", "maintenance window"),
}
"""By field: the list of what there is, and its noun."""

PATTERNS = ("robots", "groups", "metrics", "types")
"""Fields that may hold patterns, where their door lets one through."""

FILTERS = ("robot_id", "group", "metric", "target_id")
"""Of lists. Other fields may hold the names of what is gone, such as who made something."""


class UnknownNames(StoreError):
    """Names that are not there: ``errors`` are (field, why). ``place`` is where the fields were
    given, ``body`` or ``query``."""

    def __init__(self, errors: list[tuple[str, str]], place: str = "body") -> None:
        super().__init__("; ".join(why for _, why in errors))
        self.errors = errors
        self.place = place


class InUse(StoreError):
    """What was to be removed is still named; the text says by what."""


async def check(conn: AsyncConnection, **given: Collection[Any] | str | None) -> list[str]:
    """Whether all names are there, by field (:data:`KINDS`); gives a remark on each pattern that
    matches nothing now. Raises :class:`UnknownNames`. Before robots or windows are held."""
    errors: list[tuple[str, str]] = []
    remarks: list[str] = []
    for field, names in _named(given).items():
        listed, noun = KINDS[field]
        if listed == "groups":
            await conn.execute(sql.lock_names)
        there = await known(conn, listed, names)
        patterns = [one for one in names if field in PATTERNS and references.is_pattern(one)]
        exact = [one for one in names if one not in patterns]
        errors += [(field, why) for why in references.unknown(noun, exact, there)]
        remarks += references.unmatched(noun, patterns, there)
    if errors:
        raise UnknownNames(errors)
    return remarks


async def check_filters(conn: AsyncConnection, filters: Mapping[str, Any]) -> None:
    """The same for the filters of a list. Raises :class:`UnknownNames`."""
    errors: list[tuple[str, str]] = []
    for field, names in _named({name: filters.get(name) for name in FILTERS}).items():
        listed, noun = KINDS[field]
        there = await known(conn, listed, names)
        errors += [(field, why) for why in references.unknown(noun, names, there)]
    if errors:
        raise UnknownNames(errors, "query")


async def known(conn: AsyncConnection, listed: str, wanted: Collection[str] = ()) -> set[str]:
    """All names of a list. Metrics of foreign alerts, and robots that only a history knows, are
    dear to find: they are looked for where one of ``wanted`` is not there otherwise."""
    if listed == "types":
        return set(get_args(AlertType))
    ours = set(BY_METRIC) if listed == "metrics" else set()
    if ours and ours.issuperset(wanted):
        return ours
    cursor = await conn.execute(getattr(sql, listed))
    there = ours | {row[0] for row in await cursor.fetchall()}
    if listed == "robots" and (missing := [one for one in wanted if one not in there]):
        cursor = await conn.execute(sql.robots_of_history, {"names": missing})
        there |= {row[0] for row in await cursor.fetchall()}
    return there


async def lock_groups(conn: AsyncConnection) -> None:
    """Nobody names a group until the transaction ends. Before robots are held."""
    await conn.execute(sql.lock_groups)


async def let_go(conn: AsyncConnection, groups: Collection[str]) -> None:
    """After robots left ``groups``, under :func:`lock_groups`. Raises :class:`InUse` where nobody
    is left in one that is still named."""
    cursor = await conn.execute(sql.gone_but_named, {"names": list(groups)})
    named: dict[str, list[str]] = {}
    for group, what in await cursor.fetchall():
        named.setdefault(group, []).append(what)
    if named:
        said = "; ".join(f"{group} is named by {', '.join(who)}" for group, who in named.items())
        raise InUse(f"a group that nobody is in is gone, but {said}; change or remove those first")


def _named(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields that name something, each as texts."""
    found = {}
    for field, names in given.items():
        listed = [names] if isinstance(names, str) else list(names or ())
        if wanted := [str(name) for name in listed if name != ""]:
            found[field] = wanted
    return found
