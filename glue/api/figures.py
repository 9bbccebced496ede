"""What ``/metrics`` shows, in a registry of its own.

Counters live in this process; what stands in PostgreSQL is read at each scrape, so that it is right
after a restart and with another copy of the service running.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SEVERITIES = ("critical", "warning", "info")

UP = ("tonypi_postgres_up", "1 when PostgreSQL can be reached.")
ALERTS = ("tonypi_alerts_open", "Alerts not resolved.")
AGES = ("tonypi_heartbeat_age_seconds", "Since the loop's last heartbeat.")
ROBOTS = ("tonypi_robots", "Active robots.")


class Figures:
    """The registry and its figures. ``others`` are collectors that other modules keep."""

    def __init__(self, others: Sequence[Collector] = ()) -> None:
        self.registry = CollectorRegistry()
        for other in others:
            self.registry.register(other)
        self.requests = Counter(
            "tonypi_http_requests_total",
            "Requests answered, by route.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tonypi_http_request_seconds",
            "Time to answer, by route.",
            ["method", "route"],
            registry=self.registry,
        )
        self._stored = _Stored([])
        self.registry.register(self._stored)

    def without_store(self) -> bytes:
        """The text when PostgreSQL is away: stale figures would look like good news."""
        self._stored.families = [_gauge(UP, {(): 0.0})]
        return generate_latest(self.registry)

    def with_store(
        self,
        alerts: Mapping[str, int],
        ages: Mapping[str, float],
        refused: Sequence[tuple[str, str, int]],
        robots: Mapping[str, int],
    ) -> bytes:
        """The text with what PostgreSQL says. Must not await: scrapes share the registry."""
        counts = CounterMetricFamily(
            "tonypi_refused_messages", "Events refused by the glue.", labels=["topic", "reason"]
        )
        for topic, reason, count in refused:
            counts.add_metric([topic, reason], count)
        self._stored.families = [
            _gauge(UP, {(): 1.0}),
            _gauge(ALERTS, {(s,): alerts.get(s, 0) for s in SEVERITIES}, "severity"),
            _gauge(AGES, {(loop,): age for loop, age in ages.items()}, "loop"),
            _gauge(ROBOTS, {(status,): count for status, count in robots.items()}, "status"),
            counts,
        ]
        return generate_latest(self.registry)


def store_down() -> bytes:
    """Give the text for a client whose token cannot be checked, as PostgreSQL is away: that alone,
    which /readyz shows to everybody."""
    registry = CollectorRegistry()
    registry.register(_Stored([_gauge(UP, {(): 0.0})]))
    return generate_latest(registry)


class _Stored(Collector):
    """What the last look into PostgreSQL gave."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> Iterable[Metric]:
        return self.families


def _gauge(
    described: tuple[str, str], values: Mapping[tuple[str, ...], float], *labels: str
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(*described, labels=labels)
    for names, value in values.items():
        family.add_metric(names, value)
    return family


class CountRequests:
    """ASGI middleware: counts and times requests by route, never by path (which anybody makes)."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", None) or "none"
            if route != "none":
                route = _mounted_at(scope) + route
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._figures.requests.labels(method, route, str(status)).inc()
            self._figures.seconds.labels(method, route).observe(time.perf_counter() - start)


def _mounted_at(scope: Scope) -> str:
    """Where the application with the route is mounted: ``/console``, or nothing."""
    root = scope.get("root_path", "")
    return str(root.removeprefix(scope.get("app_root_path", root)))


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
