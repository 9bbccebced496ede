"""No alert is lost: a small run of the ledger (``tests.bench.ledger`` is the large one).

Robots cross their limit and come back while the glue is killed and every post of Grafana's is lost;
each crossing is one episode, begun and ended while it lasted.
"""

import random
import time
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime

from glue.stack import probe
from tests import http_proxy
from tests.alert_stack import Record, running_glue
from tests.ledger import Fleet, Killer, Row, settle, wait_until


def at_work(ground, settings, evaluator, proxied, robots, crossings, dwell):
    """Let the robots cross, kill the glue among it; the settlement."""
    luck = random.Random(6)
    behind = settings.glue.port
    if proxied:
        glue = settings.glue.model_copy(update={"port": probe.free_port()})
        settings = settings.model_copy(update={"glue": glue})
    with ExitStack() as stack:
        url = f"http://127.0.0.1:{settings.glue.port}"
        proxy = stack.enter_context(http_proxy.before(url, behind) if proxied else nullcontext())
        record: Record = stack.enter_context(running_glue(ground, settings, "glue-ledger"))
        record.run("DELETE FROM robots")
        names = [f"ledger_{evaluator}_{n}" for n in range(robots)]
        record.add_robot(*names)
        record.await_evaluator(evaluator)
        if proxied:
            proxy.break_next("refuse", lambda method, path: True, times=10**6, status=503)
        fleet = Fleet(settings, names, crossings, dwell, luck)
        fleet.start()
        time.sleep(dwell[0] / 2)
        if evaluator == "standby":
            # Nobody evaluates while the only evaluator is down, however long its start takes.
            fleet.pause.set()
        Killer(ground, ["glue-ledger"], luck).strike(away=1)
        back = datetime.now(UTC)
        beat = "SELECT FROM heartbeats WHERE name = 'standby' AND beat_at > %s"
        assert evaluator != "standby" or wait_until(lambda: bool(record.rows(beat, back)), 60)
        fleet.pause.clear()
        assert wait_until(lambda: not fleet.crossing, 60)
        fleet.end()

        def settled():
            found = record.rows("SELECT * FROM alerts WHERE robot_id = ANY (%s)", names)
            rows = [
                Row(r["robot_id"], r["starts_at"], r["resolved_at"], r["origin"]) for r in found
            ]
            return settle(fleet.done, rows)

        # The last look at Grafana's history may still be to come.
        wait_until(lambda: settled().clean, 25)
        found = settled()
    assert len(fleet.done) == robots * crossings
    return found


def test_with_grafana_and_without_any_of_its_posts(ground, mosquitto, fast_grafana):
    found = at_work(ground, fast_grafana, "grafana", True, robots=24, crossings=1, dwell=(6, 7))
    assert found.clean, found
    assert found.ok == 48


def test_with_the_standby_alone(ground, mosquitto, postgres, influx):
    database = postgres.create()
    settings = ground.settings(
        PGDATABASE=database.database,
        GRAFANA_URL="",
        GLUE_PORT=probe.free_port(),
        GLUE_EVALUATION_INTERVAL=1,
        GLUE_PULL_INTERVAL=3,
        MQTT_GLUE_CLIENT_ID="tonypi-glue-ledger",
    )
    found = at_work(ground, settings, "standby", False, robots=24, crossings=1, dwell=(6, 7))
    postgres.drop(database.database)
    assert found.clean, found
    assert found.ok == 48
