"""``POST /webhooks/grafana``: Grafana's posts, taken as hints.

A post is answered 200 only when its alerts are in PostgreSQL. Grafana does not try a failed post
again soon; the pull catches up.
"""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter, HTTPException, Request
from prometheus_client import Counter

from glue.core.grafana_alerts import MalformedPost, read_post

log = structlog.get_logger()
router = APIRouter(tags=["webhooks"])

POSTS = Counter("tonypi_webhook_posts_total", "Posts from Grafana, by result.", ["result"])


@router.post("/webhooks/grafana", summary="Alerts from Grafana's contact point")
async def grafana(request: Request) -> dict[str, int]:
    """Body: Alertmanager's webhook format with Grafana's additions. Bearer secret required.

    401 wrong secret, 413 larger than ``GLUE_WEBHOOK_MAX_BYTES``, 400 not such a body, 503 when
    PostgreSQL is away. Unreadable alerts among readable ones are counted in ``refused``. What
    Grafana's Test button sends is no alert.
    """
    settings = request.app.state.settings.glue
    _check_secret(request, settings.webhook_secret.get_secret_value())
    body = await _body(request, settings.webhook_max_bytes)
    try:
        post = read_post(body, datetime.now(UTC))
    except MalformedPost as error:
        raise _refused(400, str(error)) from None
    for reason in post.refused:
        log.warning("webhook.alert_refused", reason=reason)
    if post.tests:
        log.info("webhook.test", receiver=str(body.get("receiver", ""))[:100])
    if post.no_answers:
        log.warning("webhook.limits_missing", alerts=post.no_answers)
    if post.truncated:
        log.warning("webhook.truncated", alerts=post.truncated)
        request.app.state.watch.look_soon()
    outcome = await request.app.state.posts.take(post.observations, post.vanished)
    POSTS.labels("ok").inc()
    return {
        "received": len(post.observations),
        "opened": outcome.count("opened"),
        "resolved": outcome.count("resolved"),
        "refused": len(post.refused),
        "truncated": post.truncated,
    }


def _check_secret(request: Request, secret: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), secret.encode())
    if not secret or scheme.lower() != "bearer" or not right:
        raise _refused(401, "the bearer secret is missing or wrong", {"WWW-Authenticate": "Bearer"})


async def _body(request: Request, limit: int) -> Any:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _refused(413, f"the post is larger than {limit} bytes")
        chunks.append(chunk)
    try:
        return json.loads(b"".join(chunks))
    except (ValueError, RecursionError) as error:
        raise _refused(400, f"the body is not JSON: {error}") from None


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> HTTPException:
    POSTS.labels(str(status)).inc()
    return HTTPException(status, why, headers)
