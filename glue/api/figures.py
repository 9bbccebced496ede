"""What ``/metrics`` shows, in a registry of its own.

Counters live in this process; what stands in PostgreSQL is read at each scrape, so that it is right
after a restart and with another copy of the service running.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SEVERITIES = ("critical", "warning", "info")


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
        self._up = self._gauge("tonypi_postgres_up", "1 when PostgreSQL can be reached.")
        self._alerts = self._gauge("tonypi_alerts_open", "Alerts not resolved.", "severity")
        self._ages = self._gauge(
            "tonypi_heartbeat_age_seconds", "Since the loop's last heartbeat.", "loop"
        )
        self._refused = self._gauge(
            "tonypi_refused_messages_total", "Events refused by the glue.", "topic", "reason"
        )
        self._robots = self._gauge("tonypi_robots", "Active robots.", "status")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def without_store(self) -> bytes:
        """The text when PostgreSQL is away: stale figures would look like good news."""
        for gauge in (self._alerts, self._ages, self._refused, self._robots):
            gauge.clear()
        self._up.set(0)
        return generate_latest(self.registry)

    def with_store(
        self,
        alerts: Mapping[str, int],
        ages: Mapping[str, float],
        refused: Sequence[tuple[str, str, int]],
        robots: Mapping[str, int],
    ) -> bytes:
        """The text with what PostgreSQL says. Must not await: scrapes share the gauges."""
        self.without_store()
        self._up.set(1)
        for severity in SEVERITIES:
            self._alerts.labels(severity).set(alerts.get(severity, 0))
        for loop, age in ages.items():
            self._ages.labels(loop).set(age)
        for topic, reason, count in refused:
            self._refused.labels(topic, reason).set(count)
        for status, count in robots.items():
            self._robots.labels(status).set(count)
        return generate_latest(self.registry)


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
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._figures.requests.labels(method, route, str(status)).inc()
            self._figures.seconds.labels(method, route).observe(time.perf_counter() - start)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
