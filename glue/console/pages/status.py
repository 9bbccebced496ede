"""How the stack is: what ``tonypi status`` tells."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request, Response

from glue.api import pipeline
from glue.console import page
from glue.console.operations import perform
from glue.core import queue_words
from glue.series import SeriesError
from glue.settings import Settings
from glue.stack import report
from glue.stack.home import Home

router = page.router("/status")


@router.get("")
async def stack_status(request: Request, reader: page.Reader) -> Response:
    """Parts, loops, who evaluates the rules, what was refused."""
    settings: Settings = request.app.state.settings
    told = await perform(pipeline.read_status, request, reader)
    facts = await report.told_by(request.app.state.pool, settings)
    refused, trouble = await _refused(settings, facts)
    return page.show(
        request,
        "status",
        reader,
        told=told,
        facts=facts,
        queue=queue_words.sentences(facts["queue"]) if facts["queue"] else [],
        refused=refused,
        trouble=trouble,
        stack=await asyncio.to_thread(_parts, settings),
    )


async def _refused(settings: Settings, facts: report.Facts) -> tuple[list[report.Facts], str]:
    """What the glue and Telegraf refused, and why the latter could not be asked."""
    try:
        return facts["refused"] + await report.refused_metrics(settings), ""
    except SeriesError as error:
        return facts["refused"], f"InfluxDB cannot be asked what Telegraf refused: {error}"


def _parts(settings: Settings) -> dict[str, Any]:
    """The supervisor's record; nothing runs where the stack is in containers."""
    return report.parts(Home(settings.stack.home))
