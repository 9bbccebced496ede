"""Live charts of the fleet and of a robot, for where no Grafana runs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from glue.api.conventions.fields import RobotPath
from glue.api.fleet import robots, thresholds
from glue.console import drawing, page
from glue.console.operations import perform
from glue.core.metrics import METRICS

router = page.router()

Hours = Annotated[Literal["1", "6", "24"], Query()]


@router.get("/live")
async def fleet(request: Request, reader: page.Reader, hours: Hours = "1") -> Response:
    """Every metric of the fleet: its worst robot, its mean, the fleet's limits."""
    found = await perform(thresholds.list_thresholds, request, reader)
    limits = {}
    for one in found:
        given, known = one.set, METRICS[one.metric]
        limits[one.metric] = {
            "warning": given.warning if given and given.warning is not None else known.warning,
            "critical": given.critical if given and given.critical is not None else known.critical,
        }
    charts = await drawing.live(request, limits, int(hours))
    return page.show(
        request,
        "live",
        reader,
        charts=charts,
        hours=hours,
        every=drawing.REFRESH[int(hours)],
        robot_id=None,
    )


@router.get("/robots/{robot_id}/live")
async def robot(
    request: Request, reader: page.Reader, robot_id: RobotPath, hours: Hours = "1"
) -> Response:
    """Every metric of one robot, and its limits."""
    await perform(robots.read_robot, request, reader, robot_id=robot_id)
    found = await perform(thresholds.list_robot_thresholds, request, reader, robot_id=robot_id)
    limits = {
        one.metric: {"warning": one.warning, "critical": one.critical}
        for one in found.effective
        if one.enabled
    }
    charts = await drawing.live(request, limits, int(hours), robot_id)
    return page.show(
        request,
        "live",
        reader,
        charts=charts,
        hours=hours,
        every=drawing.REFRESH[int(hours)],
        robot_id=robot_id,
    )
