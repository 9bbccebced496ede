"""The emergency stop: everybody, at once, also with half of the house away."""

from __future__ import annotations

import asyncio
import time
import uuid

from glue.broker import Session
from tests.api import is_problem, served
from tests.commanding import Cuttable, commanding, fleet_of, simulating
from tests.events import own, talking

STOP = "/emergency-stop"


async def test_a_hundred_robots_stop_and_the_answer_says_who_did(mosquitto, database, settings_for):
    async with fleet_of(settings_for, database, 100) as api:
        await api.rows(
            "INSERT INTO robots (robot_id, status) VALUES ('dead', 'online'), ('away', 'offline')"
        )
        start = time.monotonic()
        answer = await api.post("operator", STOP, {"reason": "smoke"})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert len(told["answers"]) == 100
        assert all(one["success"] and one["expected"] for one in told["answers"])
        assert (told["complete"], told["missing"], told["recorded"]) == (False, ["dead"], True)
        assert 4 < time.monotonic() - start < 8

        # Who was there has answered: nobody waits any longer.
        await api.rows("UPDATE robots SET status = 'offline' WHERE robot_id = 'dead'")
        start = time.monotonic()
        again = await api.post("operator", STOP)
        took = time.monotonic() - start
        assert again.json()["complete"]
        assert took < 2, f"{took:.2f} s for 100 robots"
        print(f"100 robots stopped and answered in {took:.3f} s")

        kept = (await api.get("viewer", f"/commands/{told['id']}")).json()
        assert (kept["type"], kept["state"], kept["robot_id"]) == (
            *("emergency_stop", "timed out"), None,
        )  # fmt: skip
        assert kept["payload"] == {"reason": "smoke"}
        assert [one for one in kept["answers"] if not one["answered_at"]] == [
            {"robot_id": "dead", "expected": True, "success": None, "message": None}
            | {"answered_at": None}
        ]
        assert len(kept["answers"]) == 101
        newest = (await api.get("viewer", "/commands")).json()["items"][0]
        assert (newest["state"], newest["payload"]) == ("answered", {"reason": "operator operator"})
        stopped = "SELECT count(*) AS n FROM robots WHERE emergency_stopped"
        await api.robots.until(lambda: api.robots.rows(stopped) == [(100,)])

        # And on again, all of them, once somebody has said yes.
        asked = await api.post("operator", "/resume")
        assert is_problem(asked, 428)
        assert asked.json()["would"].startswith("Every robot would leave the emergency stop")
        on = (await api.post("operator", "/resume", {"confirm": True})).json()
        assert (on["complete"], len(on["answers"])) == (True, 100)


async def test_it_is_for_operators_and_never_throttled_and_takes_robots_that_nobody_knows(
    mosquitto, database, settings_for
):
    settings = own(settings_for, database.database, GLUE_COMMAND_TIMEOUT=2)
    async with served(settings) as api, commanding(api), simulating(settings, 2):
        assert is_problem(await api.post(None, STOP), 401)
        assert is_problem(await api.post("viewer", STOP), 403)
        assert is_problem(await api.post("viewer", "/robots/sim_01/emergency-stop"), 403)
        path = "/robots/sim_01/emergency-stop"
        answers = await asyncio.gather(*(api.post("operator", path) for _ in range(60)))
        assert {one.status_code for one in answers} == {200}
        assert {one["expected"] for one in answers[0].json()["answers"]} == {True}
        silent = await api.post("operator", "/robots/nobody/emergency-stop")
        assert is_problem(silent, 504)
        assert "switch on the robot" in silent.json()["detail"]
        for wrong in ({"reason": ""}, {"reason": "a\nb"}, {"reason": "x" * 201}, {"why": "x"}):
            assert is_problem(await api.post("operator", STOP, wrong), 422)
        # Nobody was registered: nobody was expected, and those who are there say so all the same.
        told = await api.call("operator", "POST", f"/api/v1{STOP}?wait=1")
        assert told.json()["missing"] == []


async def test_it_works_while_postgresql_is_away_and_is_recorded_when_that_is_back(
    mosquitto, database, settings_for
):
    proxy = Cuttable(database.port)
    environ = {"PGPORT": await proxy.open(), "GLUE_COMMAND_TIMEOUT": 1.5}
    settings = own(settings_for, database.database, **environ)
    async with (
        served(settings) as api,
        commanding(api),
        talking(settings, database.dsn) as direct,
        simulating(settings, 3),
    ):
        for role in ("viewer", "operator"):
            assert (await api.get(role, "/robots")).status_code == 200
        for away in (proxy.cut, proxy.freeze):
            await away()
            start = time.monotonic()
            answer = await api.post("operator", STOP, {"reason": away.__name__})
            took = time.monotonic() - start
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert {one["robot_id"] for one in told["answers"]} == {"sim_01", "sim_02", "sim_03"}
            assert (told["missing"], told["recorded"]) == (None, False)
            assert took < 6
            one = await api.post("operator", "/robots/sim_02/emergency-stop")
            assert (one.status_code, one.json()["complete"]) == (200, True)
            # Who may not, may not; and what is not signed by us is nobody.
            assert is_problem(await api.post("viewer", STOP), 403)
            for token, status in (("x.y.z", 401), ("tpi_x", 503)):
                headers = {"authorization": f"Bearer {token}"}
                no = await api.client.post(f"/api/v1{STOP}", headers=headers)
                assert is_problem(no, status)
            # What moves a robot is not sent without PostgreSQL.
            assert is_problem(await api.post("operator", "/resume", {"confirm": True}), 503)
            await proxy.mend()

            def recorded(reason: str = away.__name__) -> object:
                return direct.rows(
                    "SELECT (SELECT count(*) FROM command_answers a WHERE a.command_id = c.id)"
                    "  FROM commands c WHERE payload ->> 'reason' = %s AND state = 'timed out'",
                    reason,
                )

            assert await direct.until(recorded, 30) == [(3,)]
        lines = "SELECT count(*) FROM system_logs WHERE message LIKE '%%emergency_stop%%'"
        await direct.until(lambda: direct.rows(lines) == [(4,)])
        assert direct.rows("SELECT count(*) FROM commands") == [(4,)]


async def test_with_a_frozen_broker_it_says_that_nobody_may_have_stopped(
    mosquitto, database, settings_for
):
    proxy = Cuttable(mosquitto.port)
    environ = {"MQTT_BROKER_PORT": await proxy.open(), "GLUE_COMMAND_TIMEOUT": 1}
    settings = own(settings_for, database.database, **environ)
    try:
        async with served(settings) as api, commanding(api):
            proxy.stall()
            start = time.monotonic()
            perhaps = await api.post("operator", STOP)
            assert is_problem(perhaps, 503)
            assert "PERHAPS NOT STOPPED" in perhaps.json()["detail"]
            assert time.monotonic() - start < 15
    finally:
        await proxy.cut()


async def test_a_robot_that_lost_its_connection_just_now_stops_when_it_is_back(
    mosquitto, database, settings_for
):
    """Unlike a movement, a stop that comes late is on the safe side."""
    settings = own(settings_for, database.database)
    name = f"back-{uuid.uuid4().hex[:6]}"
    topics = [f"tonypi/emergency_stop/{name}"]
    robot = Session(mosquitto, name, topics, persistent=True)
    await robot.start(wait=10)
    await asyncio.sleep(0.2)
    await robot.stop()
    async with served(settings) as api, commanding(api):
        path = f"/api/v1/robots/{name}/emergency-stop"
        sent = await api.call("operator", "POST", f"{path}?wait=0")
        assert (sent.status_code, sent.json()["complete"]) == (200, False)
    await asyncio.sleep(1.5)
    robot = Session(mosquitto, name, topics, persistent=True)
    await robot.start(wait=10)
    found = await robot.batch(10, 0.2, 2.0)
    robot.ack(found)
    await robot.stop()
    assert len(found) == 1
