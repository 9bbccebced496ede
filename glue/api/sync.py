"""Grafana in step: how the last compare went, what another would write, and doing it now."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import Field

from glue import store
from glue.api.conventions import access
from glue.api.conventions.fields import Body, Reply, Utc
from glue.api.conventions.problems import ProblemError, documented
from glue.core import grafana_change
from glue.grafana import GrafanaError
from glue.store import audit
from glue.sync import report
from glue.sync.files import FilesError
from glue.sync.reconciler import Busy, Outcome, Reconciler

router = access.router("sync", f"{access.PREFIX}/sync")

REPAIRS = 20


class Repair(Reply):
    """Something that was written to Grafana."""

    at: Utc
    what: str


class Status(Reply):
    """The last compare. `drift` counts changes that it could not make."""

    at: Utc | None = Field(description="Null: never compared.")
    error: str
    seconds: float
    requests: int
    writes: int
    drift: int
    refused: list[str] = Field(description="Changes that Grafana did not take, and why.")
    conflicts: list[str]
    leftovers: int
    others: list[str] = Field(description="Not ours, and may act in Grafana.")
    repairs: list[Repair]


class Change(Reply):
    """One write. `text` says it as `tonypi sync plan` does."""

    kind: grafana_change.Kind
    verb: grafana_change.Verb
    name: str
    before: Any = None
    after: Any = None
    text: str


class Conflict(Reply):
    """Something of others stands where ours should be."""

    kind: grafana_change.Kind
    name: str
    why: str


class Plan(Reply):
    """`leftovers` are ours and no longer wanted: only a prune removes them."""

    changes: list[Change]
    conflicts: list[Conflict]
    leftovers: list[Change]
    others: list[str] = Field(description="Not ours, and may act in Grafana.")


class Apply(Body):
    """With `prune`, leftovers are removed too."""

    prune: bool = False


class Done(Reply):
    """What was written, and what still differs."""

    done: list[Change]
    refused: list[str]
    left: Plan
    seconds: float
    requests: int
    writes: int


@router.get("", responses=documented(401, 403, 503))
async def sync_status(request: Request, user: access.Viewer) -> Status:
    """How the last compare went, with the last repairs."""
    told = await report.read(request.app.state.pool, REPAIRS)
    repairs = [Repair(at=at, what=what) for at, what in told.repairs]
    return Status(**{**vars(told), "repairs": repairs})


@router.get("/plan", responses=documented(401, 403, 409, 502, 503))
async def sync_plan(request: Request, user: access.Admin) -> Plan:
    """What an apply would write now. Nothing is written."""
    try:
        return _plan(await _reconciler(request).plan())
    except (GrafanaError, FilesError) as error:
        raise _failed(error) from None


@router.post("/apply", responses=documented(401, 403, 409, 422, 502, 503))
async def sync_apply(request: Request, user: access.Admin, body: Apply | None = None) -> Done:
    """Compare and write now. The glue does so by itself, but for a prune."""
    prune = bool(body and body.prune)
    try:
        outcome: Outcome = await _reconciler(request).apply(prune=prune)
    except Busy as error:
        raise ProblemError(409, str(error), headers={"Retry-After": "2"}) from None
    except (GrafanaError, FilesError) as error:
        raise _failed(error) from None
    async with store.transaction(request.app.state.pool) as conn:
        said = f"{user.username} had Grafana's plan applied: {len(outcome.done)} changes"
        await audit.record(conn, "api", said, details={"username": user.username, "prune": prune})
    return Done(
        done=[_change(one) for one in outcome.done],
        refused=outcome.refused,
        left=_plan(outcome.left),
        seconds=round(outcome.seconds, 3),
        requests=outcome.requests,
        writes=outcome.writes,
    )


def _reconciler(request: Request) -> Reconciler:
    found: Reconciler | None = request.app.state.reconciler
    if found is None:
        raise ProblemError(409, "There is no Grafana here (GRAFANA_URL is empty).")
    return found


def _failed(error: Exception) -> ProblemError:
    return ProblemError(502, f"{error}")


def _plan(found: grafana_change.Plan) -> Plan:
    return Plan(
        changes=[_change(one) for one in found.changes],
        conflicts=[Conflict.model_validate(one) for one in found.conflicts],
        leftovers=[_change(one) for one in found.leftovers],
        others=list(found.others),
    )


def _change(one: grafana_change.Change) -> Change:
    text = grafana_change.said(one)
    return Change(
        kind=one.kind, verb=one.verb, name=one.name, before=one.before, after=one.after, text=text
    )
