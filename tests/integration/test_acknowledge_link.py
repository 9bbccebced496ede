"""The link of a message, followed by whoever has it."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from glue.core import ack_link
from glue.core.ack_link import AckLink
from glue.notify.worker import Worker
from tests import notified
from tests.api import served


@pytest.fixture
async def api(database, settings_for):
    settings = settings_for(
        PGDATABASE=database.database,
        GLUE_SECRET_KEY=notified.KEY,
        NOTIFY_OUTAGE_WAIT="0",
        GLUE_PUBLIC_URL="http://glue.example:8000",
        FLEET_TZ="Europe/Berlin",
    )
    async with served(settings) as running:
        yield running
        running.app.state.notifier.messenger.close()


@pytest.fixture
async def worker(api):
    worker = Worker(api.settings, api.app.state.pool)
    yield worker
    worker.messenger.close()


@pytest.fixture
def episodes(api):
    return notified.Episodes(api.app.state.pool)


async def told(api, worker, episodes, *robots: str, metric: str = "temperature"):
    """The ids of new alerts, and the path of the link in the message that told of them."""
    with notified.web() as web:
        pool = api.app.state.pool
        target = await notified.add_target(pool, "ops phone", web.url)
        await notified.add_route(pool, [target])
        ids = await episodes.open(*robots, metric=metric)
        await worker.router.route()
        assert (await worker.sender.send_next()).error == ""
        (message,) = web.got
    (link,) = re.findall(r"http://glue.example:8000(/acknowledge/\S+)", message["message"])
    return ids, link


async def test_looking_changes_nothing_and_the_button_acknowledges(api, worker, episodes):
    (alert,), link = await told(api, worker, episodes, "r<1>")
    for _ in range(2):
        page = await api.client.get(link)
        assert page.status_code == 200 and "Acknowledge this alert?" in page.text
    assert "r&lt;1&gt;: temperature too high" in page.text and "CE" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    (row,) = await api.rows("SELECT acknowledged FROM alerts")
    assert row["acknowledged"] is False
    given = {"alert": [str(alert)], "name": " Ann <b> ", "comment": "coming"}
    done = await api.client.post(link, data=given)
    assert done.status_code == 200 and "Nobody is asked again" in done.text
    assert "Ann &lt;b&gt; (link to ops phone)" in html.unescape(done.text).replace(
        "<", "&lt;"
    ).replace(">", "&gt;")
    (row,) = await api.rows("SELECT acknowledged_by, comment FROM alerts")
    assert row == {"acknowledged_by": "Ann <b> (link to ops phone)", "comment": "coming"}
    again = await api.client.post(link, data=given)
    assert "Acknowledged" in again.text
    entries = await api.rows("SELECT kind FROM alert_timeline WHERE kind = 'acknowledged'")
    assert len(entries) == 1


async def test_of_many_some_can_be_chosen_and_only_those_of_the_message(api, worker, episodes):
    ids, link = await told(api, worker, episodes, "r1", "r2", "r3", metric="silence")
    (other,) = await episodes.open("r4")
    page = await api.client.get(link)
    assert "Acknowledge 3 alerts?" in page.text and page.text.count("checked") == 3
    nothing = await api.client.post(link, data={"name": "ann"})
    assert "Nothing was chosen" in nothing.text
    done = await api.client.post(link, data={"alert": [str(ids[0]), str(other), "1e9", "x"]})
    assert "Acknowledge 2 alerts?" in done.text
    seen = await api.rows("SELECT id FROM alerts WHERE acknowledged")
    assert [row["id"] for row in seen] == [ids[0]]
    await episodes.resolve(*ids)
    assert "Nothing to acknowledge" in (await api.client.get(link)).text


async def test_what_is_no_link_of_ours_or_over_says_so(api, worker, episodes):
    (alert,), link = await told(api, worker, episodes, "r1")
    old = datetime.now(UTC) - timedelta(seconds=1)
    over = f"{ack_link.PATH}/{ack_link.token(notified.KEY, AckLink(1, 1), old)}"
    forged = f"{ack_link.PATH}/{ack_link.token('y' * 32, AckLink(1, 1), old)}"
    for path, status in ((over, 410), (forged, 404), (link[:-4], 404), (f"{link}/x", 404)):
        for answer in (
            await api.client.get(path),
            await api.client.post(path, data={"alert": str(alert)}),
        ):
            assert answer.status_code == status, (path, answer.text)
    assert "text/html" in (await api.client.get(over)).headers["content-type"]
    (row,) = await api.rows("SELECT acknowledged FROM alerts")
    assert row["acknowledged"] is False
    assert urlsplit(link).path == link
