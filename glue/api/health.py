"""For supervisors and Prometheus: alive, ready, and the figures of the pipeline."""

from __future__ import annotations

from typing import Literal

import structlog
from fastapi import Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from glue import store
from glue.api import figures
from glue.api.conventions import access, clients
from glue.api.conventions.problems import ProblemError, documented
from glue.core import freshness
from glue.store import StoreUnavailable, alert_reads, pulse

log = structlog.get_logger()
router = access.router("service")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Everything that is needed works."""

    status: Literal["ready"] = "ready"
    checks: dict[str, str] = Field(description="`ok` by what was checked.")


@router.get("/healthz", dependencies=[access.anyone])
async def healthz() -> Alive:
    """Whether the process is alive. Asks nobody else."""
    return Alive()


@router.get("/readyz", dependencies=[access.anyone], responses=documented(503))
async def readyz(request: Request) -> Ready:
    """Whether PostgreSQL can be reached, events arrive, the rules' limits are written and somebody
    evaluates the rules (Grafana, or the standby evaluator); 503 with `checks` otherwise."""
    state = request.app.state
    checks = {"postgresql": "ok"}
    try:
        async with store.transaction(state.pool) as conn:
            ages = await pulse.beat_ages(conn)
            in_charge = await pulse.in_charge(conn)
    except StoreUnavailable as error:
        log.warning("api.not_ready", error=str(error))
        checks["postgresql"] = "cannot be reached"
    else:
        checks |= freshness.verdicts(ages, freshness.allowed_ages(state.settings, in_charge))
    wrong = [f"{name} {verdict}" for name, verdict in checks.items() if verdict != "ok"]
    if wrong:
        raise ProblemError(
            503,
            "; ".join(wrong),
            "not-ready",
            headers={"Retry-After": "5"},
            more={"checks": checks},
        )
    return Ready(checks=checks)


@router.get(
    "/metrics",
    dependencies=[access.anyone],
    openapi_extra={"x-scope": "read"},
    responses=documented(401, 403),
    response_class=PlainTextResponse,
    response_model=None,
)
async def metrics(request: Request) -> PlainTextResponse:
    """Prometheus' text format. From this machine anybody may ask; from another one it takes the
    token of a user or a machine that may read. With PostgreSQL away, `tonypi_postgres_up` is 0 and
    the figures from there are absent; another machine then gets that figure alone, as its token
    cannot be checked."""
    state = request.app.state
    if not clients.of(request).from_here:
        try:
            await access.Access("viewer")(request, await access.bearer(request))
        except StoreUnavailable:
            return PlainTextResponse(figures.store_down(), media_type=CONTENT_TYPE_LATEST)
    try:
        async with store.transaction(state.pool) as conn:
            alerts = await alert_reads.open_by_severity(conn)
            ages = await pulse.beat_ages(conn)
            refused = await pulse.refused(conn)
            robots = await pulse.robots_by_status(conn)
    except StoreUnavailable:
        text = state.figures.without_store()
    else:
        text = state.figures.with_store(alerts, ages, refused, robots)
    return PlainTextResponse(text, media_type=CONTENT_TYPE_LATEST)
