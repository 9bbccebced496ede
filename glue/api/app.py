"""The application: routes, the error shape, limits, counting.

:func:`create_app` opens nothing. ``glue.service`` opens the systems and hands them over.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI

from glue import __version__, store
from glue.alerts.gather import Gather
from glue.api import (
    docs,
    figures,
    health,
    logs,
    pipeline,
    report_jobs,
    report_pages,
    report_schedules,
    reports,
    sync,
    webhook,
)
from glue.api.conventions import problems
from glue.api.conventions.body_limit import BodyLimit
from glue.api.conventions.refusals import RecordRefusals
from glue.api.episodes import actions, alerts, mutes, silences
from glue.api.fleet import (
    backtests,
    bulk_thresholds,
    commands,
    emergency_stop,
    groups,
    jobs,
    maintenance,
    maintenance_windows,
    registration,
    robots,
    thresholds,
)
from glue.api.live import streams
from glue.api.live.hub import Hub
from glue.api.live.tickets import Tickets
from glue.api.notifications import acknowledge, outbox, routes, targets
from glue.api.people import auth, machine_tokens, own_account, tokens, users
from glue.api.people.accounts import Doorkeeper
from glue.api.sign_on import authorize, report_door
from glue.api.sign_on import tokens as sign_on_tokens
from glue.api.sign_on.keys import Keyring
from glue.changes import Changes
from glue.commands import Commander
from glue.core import demo
from glue.core.folding import Folding
from glue.notify.rendering import Renderer
from glue.notify.worker import Worker
from glue.reports.worker import Worker as ReportWorker
from glue.settings import Settings

DESCRIPTION = """
Robots, limits and alerts of the fleet. *Authorize* with a user name and password, then try the
routes. `x-roles` of a route names who may call it: a viewer reads, an operator handles robots and
alerts, an admin may everything. `x-scope` is what a token of a machine (`/tokens`) needs besides;
`session` is for people who logged in. An access token lives for minutes, `/auth/refresh` gets the
next. Errors are problem details (RFC 9457).
"""


def create_app(
    settings: Settings, pool: store.Pool, *, intake: Any = None, watch: Any = None
) -> FastAPI:
    """The API over an open ``pool``. ``intake`` and ``watch`` are what the webhook hands posts to.

    Raises ``SettingsError`` when ``GLUE_JWT_SECRET`` is missing or too short, and for a demo mode
    that others could reach.
    """
    tokens.check_secret(settings.glue)
    demo.check(settings)
    app = FastAPI(
        title="TonyPi API",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": root}] if (root := docs.below(settings)) else None,
    )
    app.state.settings = settings
    app.state.pool = pool
    app.state.intake = intake
    app.state.posts = Gather(intake)
    app.state.watch = watch
    app.state.reconciler = None
    app.state.changes = Changes(settings.postgres.dsn)
    most, of_user = settings.glue.live_listeners, settings.glue.live_of_user
    app.state.live = Hub(pool, app.state.changes, most, of_user)
    app.state.tickets = Tickets()
    app.state.commander = Commander(settings, pool)
    app.state.backtests = asyncio.Semaphore(1)
    app.state.notifier = Worker(settings, pool)
    # Its own: templates that somebody tries keep no message waiting.
    app.state.renderer = Renderer(settings.notify)
    app.state.reporter = ReportWorker(settings, pool)
    app.state.doorkeeper = Doorkeeper(pool, settings.glue)
    secret = settings.glue.jwt_secret.get_secret_value()
    app.state.keyring = Keyring(pool, secret, settings.sign_on.lives)
    app.state.refusals = Folding()
    app.state.figures = figures.Figures([webhook.POSTS])
    app.state.operations = {}
    _include(app)
    docs.install(app)
    problems.install(app)
    app.add_middleware(BodyLimit, exempt="/webhooks/", pages="/console/")
    app.add_middleware(RecordRefusals)
    app.add_middleware(figures.CountRequests, figures=app.state.figures)
    _document(app)
    return app


def _include(app: FastAPI) -> None:
    for module in (
        # Their jobs before the reports, one of which could otherwise be called «jobs».
        *(health, pipeline, streams, logs, report_jobs, reports, report_schedules, sync),
        # Before the robots and metrics, of which one could otherwise be called «bulk».
        *(registration, maintenance, bulk_thresholds, backtests),
        *(robots, groups, maintenance_windows, thresholds, commands, emergency_stop, jobs),
        *(alerts, actions, mutes, silences),
        *(targets, routes, outbox, acknowledge),
        *(authorize, sign_on_tokens, report_door, report_pages, auth),
        # Before the users, one of whom could otherwise be called «me».
        *(own_account, users, machine_tokens),
    ):
        app.include_router(module.router)
        # For who calls them without a request (the console), by name.
        app.state.operations |= {
            one.endpoint.__name__: one.endpoint for one in module.router.routes
        }
    app.include_router(webhook.router, responses=problems.documented(400, 401, 413, 503))


def _document(app: FastAPI) -> None:
    """Put the error shape into the OpenAPI document, in place of FastAPI's own."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            shape = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= shape.pop("$defs", {})
            schemas["Problem"] = shape
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            # Unlike the routes it is not read as being below the server's address.
            for scheme in document["components"].get("securitySchemes", {}).values():
                for flow in scheme.get("flows", {}).values():
                    flow["tokenUrl"] = docs.below(app.state.settings) + flow["tokenUrl"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
