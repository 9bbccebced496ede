"""Alerts that Grafana calls normal and that have not recovered (:mod:`glue.core.hysteresis`)."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from glue import store
from glue.alerts import rule_inputs
from glue.core import hysteresis
from glue.core.episodes import Observation
from glue.core.rule import Rule
from glue.core.rules import BY_KEY
from glue.series import Query, SeriesError

log = structlog.get_logger()

Key = tuple[str, str, str]
"""(metric, robot, severity)."""


class Hold:
    """Asks for the readings themselves; says once of each alert that it is held."""

    def __init__(self, pool: store.Pool, series: Query) -> None:
        self._pool = pool
        self._series = series
        self._held: set[Key] = set()

    async def over(self, ended: Iterable[Observation]) -> list[Observation]:
        """``ended`` without those whose reading is not beyond its recovery limit yet; each look
        asks anew. Raises ``StoreError``. What InfluxDB cannot be asked about has not ended."""
        by_rule: dict[Rule | None, list[Observation]] = {}
        for one in ended:
            by_rule.setdefault(BY_KEY.get((one.metric, one.severity)), []).append(one)
        over = by_rule.pop(None, [])
        held: set[Key] = set()
        for rule, of_rule in by_rule.items():
            beyond = await self._beyond(rule) if rule else set()
            for one in of_rule:
                if beyond is None or one.robot_id in beyond:
                    held.add((*one.pair, one.severity))
                else:
                    over.append(one)
        for metric, robot_id, severity in held - self._held:
            log.info("alert.held", metric=metric, robot_id=robot_id, severity=severity)
        self._held = held
        return over

    async def _beyond(self, rule: Rule) -> set[str] | None:
        """Robots whose reading keeps an open alert open; None when that cannot be known."""
        try:
            readings = await rule_inputs.read(self._pool, self._series, rule)
        except SeriesError as error:
            log.warning("alert.hold_unknown", rule=rule.uid, error=str(error))
            return None
        limits = await rule_inputs.limits(self._pool, rule)
        return {
            robot_id
            for robot_id in readings.keys() & limits.keys()
            if hysteresis.is_beyond(readings[robot_id], *limits[robot_id])
        }
