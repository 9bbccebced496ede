"""An alert while something is away: the same ledger every time, one episode, none lost."""

import signal
import time

import httpx
import pytest

from glue.core.occurrences import RANK
from glue.stack import probe
from tests import notified
from tests.alert_stack import INTERVAL, Feeder, Record, running_glue
from tests.http_proxy import before
from tests.ledger import wait_until


@pytest.fixture
def robots(fast_grafana):
    """Makes the fleet exactly these robots."""
    record = Record(fast_grafana)

    def only(*names):
        record.run("DELETE FROM robots")
        record.add_robot(*names)

    return only


def ledger(record, robot):
    """(severity, resolved, reason) of every episode of the robot."""
    return [(a["severity"], a["resolved"], a["resolve_reason"]) for a in record.alerts(robot)]


def worst(record, alert):
    """The highest severity that it had: its two rules may see its end one evaluation apart."""
    told = record.rows("SELECT severity FROM alert_timeline WHERE alert_id = %s", alert["id"])
    return max((t["severity"] for t in told), key=RANK.__getitem__)


def test_an_alert_that_fired_while_the_glue_was_down_is_recorded(
    ground, mosquitto, fast_grafana, robots
):
    robot = "down_1"
    with Feeder(fast_grafana) as feeder:
        with running_glue(ground, fast_grafana) as record:
            robots(robot)
            record.await_evaluator("grafana")
            feeder.servo(robot, 66)
            record.await_alert(robot, lambda a: not a["resolved"])
        feeder.servo(robot, 79)  # rises while nobody listens
        time.sleep(4 * INTERVAL)
        with running_glue(ground, fast_grafana) as record:
            record.await_alert(robot, lambda a: a["severity"] == "critical")
        feeder.servo(robot, 40)  # ends while nobody listens
        time.sleep(4 * INTERVAL)
        with running_glue(ground, fast_grafana) as record:
            record.await_alert(robot, lambda a: a["resolved"])
            [alert] = record.alerts(robot)
            assert alert["resolve_reason"] == "recovered"
            assert worst(record, alert) == "critical"


def test_alerts_that_came_and_went_while_the_glue_was_down_are_recorded_with_both_ends(
    ground, mosquitto, fast_grafana, robots
):
    robot = "gone_1"
    with Feeder(fast_grafana) as feeder:
        with running_glue(ground, fast_grafana) as record:
            robots(robot)
            feeder.servo(robot, 40)
            record.await_evaluator("grafana")
            time.sleep(4)  # a look, from which the next one reads on
        hot = [feeder.servo(robot, 66)]
        time.sleep(4 * INTERVAL)
        cool = [feeder.servo(robot, 40)]
        time.sleep(4 * INTERVAL)
        hot.append(feeder.servo(robot, 79))
        time.sleep(4 * INTERVAL)
        cool.append(feeder.servo(robot, 40))
        time.sleep(4 * INTERVAL)
        with running_glue(ground, fast_grafana) as record:
            assert wait_until(lambda: len(record.alerts(robot)) == 2, 20)
            record.await_alert(robot, lambda a: a["resolved"])
            found = record.alerts(robot)
            assert [worst(record, a) for a in found] == ["warning", "critical"]
        assert [(a["value"], a["resolve_reason"]) for a in found] == [
            (66, "recovered"),
            (79, "recovered"),
        ]
        for alert, began, ended in zip(found, hot, cool, strict=True):
            assert abs((alert["starts_at"] - began).total_seconds()) < 3 * INTERVAL
            assert abs((alert["resolved_at"] - ended).total_seconds()) < 3 * INTERVAL


def foreign_rule(group):
    """A rule of somebody else's that always fires, sent to our contact point as well."""
    always = {
        "refId": "A",
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": 60, "to": 0},
        "model": {"refId": "A", "type": "math", "expression": "1 > 0"},
    }
    return {
        "title": "Door open",
        "ruleGroup": group,
        "folderUID": "foreign",
        "orgID": 1,
        "condition": "A",
        "for": "0s",
        "noDataState": "OK",
        "execErrState": "OK",
        "data": [always],
        # Of five minutes, a post that fails would come again too late.
        "notification_settings": {
            "receiver": "glue",
            "group_wait": "1s",
            "group_interval": "5s",
        },
    }


def post_as_alertmanager(settings):
    """An alert that no rule of our Grafana is behind."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "NodeDown", "instance": "pc1"},
        "startsAt": "2026-11-28T10:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0",
    }
    secret = settings.glue.webhook_secret.get_secret_value()
    return httpx.post(
        settings.grafana.webhook_url,
        json={"alerts": [alert]},
        headers={"Authorization": f"Bearer {secret}"},
    ).json()


def press_test_button(client, settings):
    """What the button Test of a contact point does; gives the contact point's answer."""
    point = {
        "name": "glue",
        "type": "webhook",
        "settings": {
            "url": settings.grafana.webhook_url,
            "authorization_scheme": "Bearer",
            "authorization_credentials": settings.glue.webhook_secret.get_secret_value(),
        },
    }
    tested = client.post(
        "/alertmanager/grafana/config/api/v1/receivers/test",
        json={"receivers": [{"name": "glue", "grafana_managed_receiver_configs": [point]}]},
    )
    tested.raise_for_status()
    return tested.json()["receivers"][0]["grafana_managed_receiver_configs"][0]["status"]


def test_a_rule_of_others_neither_puts_grafana_out_of_charge_nor_outlives_its_deletion(
    ground, mosquitto, fast_grafana
):
    """What another Alertmanager posts outlives all looks: it is over when its sender says so."""
    there = fast_grafana.grafana
    glue = fast_grafana.glue.model_copy(update={"port": probe.free_port()})
    settings = fast_grafana.model_copy(update={"glue": glue})
    auth = there.admin_user, there.admin_password.get_secret_value()

    def alert(record, rule="door_open"):
        named = f"rule:{rule}:%"
        found = record.rows("SELECT * FROM alerts WHERE metric LIKE %s ORDER BY id", named)
        return found[-1] if found else None

    with (
        before(f"http://127.0.0.1:{glue.port}", fast_grafana.glue.port) as proxy,
        running_glue(ground, settings) as record,
        httpx.Client(base_url=f"{there.url}/api", auth=auth) as client,
    ):
        record.await_evaluator("grafana")
        client.post("/folders", json={"uid": "foreign", "title": "Foreign"}).raise_for_status()
        made = client.post("/v1/provisioning/alert-rules", json=foreign_rule("slow"))
        made.raise_for_status()
        group = client.get("/v1/provisioning/folder/foreign/rule-groups/slow").json()
        group["interval"] = int(10 * INTERVAL)  # as far beyond ours as a minute is beyond 10 s
        client.put(
            "/v1/provisioning/folder/foreign/rule-groups/slow", json=group
        ).raise_for_status()
        assert wait_until(lambda: alert(record) is not None, 40), "its post reaches us"
        assert alert(record)["rule_uid"] == made.json()["uid"]
        assert press_test_button(client, fast_grafana) == "ok"
        assert record.rows("SELECT id FROM alerts WHERE title ~* 'test'") == []
        assert post_as_alertmanager(fast_grafana)["opened"] == 1
        ends = time.monotonic() + 12 * INTERVAL
        while time.monotonic() < ends:
            assert record.evaluator() == "grafana"
            time.sleep(0.5)
        assert not alert(record)["resolved"]
        assert alert(record)["listed"], "our Grafana has claimed it"
        proxy.break_next("refuse", lambda method, path: True, times=10**6, status=503)
        uid = made.json()["uid"]
        client.delete(f"/v1/provisioning/alert-rules/{uid}").raise_for_status()
        assert wait_until(lambda: alert(record)["resolved"], 20), "two looks without the rule"
        assert alert(record)["resolve_reason"] == "no data"
        node = alert(record, "nodedown")
        assert (node["resolved"], node["listed"]) == (False, False)


def test_standby_takes_over_from_a_killed_grafana_and_hands_back_the_same_episode(
    ground, mosquitto, fast_grafana, robots
):
    hot, later = "over_1", "over_2"
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        robots(hot, later)
        feeder.servo(hot, 66)
        feeder.servo(later, 40)
        record.await_evaluator("grafana")
        opened = record.await_alert(hot, lambda a: not a["resolved"])
        part, process = ground.running["grafana-fast"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        record.await_evaluator("standby")
        feeder.servo(later, 66)
        record.await_alert(later, lambda a: a["origin"] == "standby")
        ground.start(part)
        record.await_evaluator("grafana")
        time.sleep(6 * INTERVAL)
        for robot in (hot, later):
            assert ledger(record, robot) == [("warning", False, None)], robot
            feeder.servo(robot, 40)
        for robot in (hot, later):
            over = record.await_alert(robot, lambda a: a["resolved"])
            assert over["resolve_reason"] == "recovered"
        assert len(record.alerts(hot) + record.alerts(later)) == 2
        assert record.alerts(hot)[0]["id"] == opened["id"]


TOLD = (
    "SELECT occasion, count(*) FROM notification_outbox WHERE state = 'delivered' AND alert_id = %s"
    " GROUP BY occasion ORDER BY occasion"
)


def test_between_its_limits_an_alert_outlasts_take_over_and_hand_back_and_is_told_once(
    ground, mosquitto, fast_grafana, robots
):
    """Limit 60, recovery limit 57: Grafana never saw ``later`` fire, and calls 58 normal."""
    hot, later = "band_1", "band_2"
    record = Record(fast_grafana)
    with notified.web() as web:
        notified.told_to(fast_grafana, web.url)
        with running_glue(ground, fast_grafana), Feeder(fast_grafana) as feeder:
            robots(hot, later)
            feeder.servo(hot, 66)
            feeder.servo(later, 40)
            record.await_evaluator("grafana")
            record.await_alert(hot, lambda a: not a["resolved"])
            feeder.servo(hot, 58)
            part, process = ground.running["grafana-fast"]
            process.send_signal(signal.SIGKILL)
            process.wait()
            record.await_evaluator("standby")
            feeder.servo(later, 66)
            record.await_alert(later, lambda a: a["origin"] == "standby")
            feeder.servo(later, 58)
            ground.start(part)
            record.await_evaluator("grafana")
            time.sleep(8 * INTERVAL)
            for robot in (hot, later):
                assert ledger(record, robot) == [("warning", False, None)], robot
            feeder.servo(later, 66)  # fires in Grafana, which is the same occurrence
            time.sleep(8 * INTERVAL)
            for robot in (hot, later):
                assert ledger(record, robot) == [("warning", False, None)], robot
                feeder.servo(robot, 56)
            for robot in (hot, later):
                over = record.await_alert(robot, lambda a: a["resolved"])
                assert ledger(record, robot) == [("warning", True, "recovered")]
                until = time.monotonic() + 20
                while len(told := record.rows(TOLD, over["id"])) < 2:
                    assert time.monotonic() < until, f"{robot}: told {told}"
                    time.sleep(0.2)
                assert [tuple(row.values()) for row in told] == [("opened", 1), ("resolved", 1)]
            record.run("DELETE FROM notification_routes")


def test_an_error_in_grafana_does_not_end_an_alert_between_its_limits(
    ground, mosquitto, fast_grafana, robots
):
    """Grafana 11 forgets what fired when an evaluation fails; 58 is normal to it then."""
    robot = "error_band"
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        robots(robot)
        feeder.servo(robot, 66)
        record.await_evaluator("grafana")
        record.await_alert(robot, lambda a: not a["resolved"])
        feeder.servo(robot, 58)
        time.sleep(3 * INTERVAL)
        part, _ = ground.running["influxdb"]
        ground.stop("influxdb")
        time.sleep(8 * INTERVAL)
        ground.start(part)
        record.await_evaluator("grafana")
        time.sleep(8 * INTERVAL)
        assert ledger(record, robot) == [("warning", False, None)]
        feeder.servo(robot, 66)  # which Grafana takes for another one
        time.sleep(6 * INTERVAL)
        assert ledger(record, robot) == [("warning", False, None)]
        feeder.servo(robot, 56)
        record.await_alert(robot, lambda a: a["resolved"])
        assert ledger(record, robot) == [("warning", True, "recovered")]


def test_postgresql_away_for_seconds_closes_and_repeats_nothing(
    ground, mosquitto, fast_grafana, robots
):
    robot = "pg_1"
    with running_glue(ground, fast_grafana) as record, Feeder(fast_grafana) as feeder:
        robots(robot)
        feeder.servo(robot, 66)
        record.await_evaluator("grafana")
        record.await_alert(robot, lambda a: not a["resolved"])
        part, _ = ground.running["postgres"]
        ground.stop("postgres")
        time.sleep(8 * INTERVAL)
        ground.start(part)
        time.sleep(10 * INTERVAL)
        assert ledger(record, robot) == [("warning", False, None)]
        feeder.servo(robot, 40)
        record.await_alert(robot, lambda a: a["resolved"])
        assert ledger(record, robot) == [("warning", True, "recovered")]
