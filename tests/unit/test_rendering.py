"""Templates of people are rendered within limits, and nothing else waits for them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from glue.core.messages import EXAMPLE, BadTemplate, Places, compose
from glue.notify.rendering import Renderer
from glue.settings.notify import Notify

PLACES = Places("http://grafana:3000", "UTC")
MANY = [EXAMPLE] * 30

LOOPS = "{% for a in items %}" * 8 + "{% set x = 1 %}" + "{% endfor %}" * 8
DOUBLING = (
    "{% set n = namespace(x='xxxxxxxxxxxxxxxx') %}{% for a in items %}{% for b in items %}"
    "{% set n.x = n.x ~ n.x %}{% endfor %}{% endfor %}"
)
SQUARING = (
    "{% set n = namespace(x=99999999) %}{% for a in items %}{% for b in items %}"
    "{% set n.x = n.x * n.x %}{% endfor %}{% endfor %}"
)


@asynccontextmanager
async def ticking() -> AsyncIterator[list[int]]:
    """Counts, while the event loop has time for it."""
    ticks = [0]

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks[0] += 1

    task = asyncio.create_task(tick())
    try:
        yield ticks
    finally:
        task.cancel()


@pytest.mark.parametrize("template", [LOOPS, DOUBLING, SQUARING])
async def test_a_template_without_end_is_refused_and_the_loop_goes_on(template: str) -> None:
    renderer = Renderer(Notify(NOTIFY_TEMPLATE_SECONDS=0.2, NOTIFY_TEMPLATE_MEMORY=32))
    async with ticking() as ticks:
        with pytest.raises(BadTemplate, match="NOTIFY_TEMPLATE"):
            await renderer.check(None, template)
        assert ticks[0] > 5
        told = await renderer.compose(MANY, PLACES, None, template)
    assert told.title == compose(MANY, PLACES).title
    assert "template of this target failed" in told.body and "NOTIFY_TEMPLATE" in told.body


async def test_what_is_fine_is_as_if_it_were_rendered_here() -> None:
    renderer = Renderer(Notify())
    title, body = "{{ count }} ä{{ '\\x00' }}", "{% for i in items %}{{ i.title }}\n{% endfor %}"
    told = await renderer.compose(MANY, PLACES, title, body)
    assert told == compose(MANY, PLACES, title, body)
    await renderer.check(title, body)
    with pytest.raises(BadTemplate, match="nobody"):
        await renderer.check("{{ nobody }}", None)


async def test_output_without_end_is_cut() -> None:
    text = "{% for a in items %}" * 6 + "x" * 100 + "{% endfor %}" * 6
    assert len((await Renderer(Notify()).compose(MANY, PLACES, None, text)).body) == 16_000


async def test_without_a_process_to_render_in_the_shipped_template_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where no process or memory is left: the operating system refuses to start one."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    message = await Renderer(Notify()).compose(MANY, PLACES, None, "{{ heading }}")
    assert message.title == compose(MANY, PLACES).title
    assert "no process could be started" in message.body
    with pytest.raises(BadTemplate, match="no process could be started"):
        await Renderer(Notify()).check(None, "{{ heading }}")


async def test_no_secret_reaches_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets out of the sandbox finds nothing in the environment."""
    started: list[dict[str, str]] = []
    monkeypatch.setenv("GLUE_SECRET_KEY", "s3cret")
    begin = asyncio.create_subprocess_exec

    async def noted(*args: str, **given: object) -> asyncio.subprocess.Process:
        started.append(given["env"])  # type: ignore[arg-type]
        return await begin(*args, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    await Renderer(Notify()).check("{{ heading }}", None)
    assert started and "s3cret" not in str(started)
