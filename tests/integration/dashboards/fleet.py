"""A small fleet whose every figure is known, and a Grafana of its own that shows it to a Viewer.

Alone, because the Fleet dashboard counts every robot there is. Times are seconds from ``base``,
which lies on a whole half minute, so that windows of the charts begin there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from glue.series import admin
from glue.settings import PROJECT, Settings
from glue.stack import probe
from glue.store import accounts
from tests import programs

DASHBOARDS = {
    json.loads(path.read_text())["uid"]: json.loads(path.read_text())
    for path in sorted((PROJECT / "grafana" / "dashboards").glob("*.json"))
}

LOOKED_AT = "panel.1"
"""Its dot is what a careless regular expression or quotation gets wrong."""
LOOK_ALIKE = "panelX1"

SINCE, UNTIL = -600, 240
"""The time range that is looked at."""


@dataclass(frozen=True)
class Shown:
    """The running Grafana, and a caller who is a Viewer there."""

    url: str
    settings: Settings
    base: int
    viewer: httpx.Client

    def ask(self, queries: list[dict[str, Any]], robot: str = LOOKED_AT) -> dict[str, Any]:
        """Answers by refId, as a browser that shows ``robot`` would get them."""
        asked = [self._filled_in(query, robot) for query in queries]
        body = {"from": self._millis(SINCE), "to": self._millis(UNTIL), "queries": asked}
        answer = self.viewer.post("/api/ds/query", json=body)
        assert answer.status_code == 200, answer.text
        return {ref: result.get("frames", []) for ref, result in answer.json()["results"].items()}

    def _millis(self, second: int) -> str:
        return str((self.base + second) * 1000)

    def worst(self, metric: str) -> list[str]:
        """What the hidden variable ``worst_<metric>`` of the Fleet dashboard holds."""
        listed = DASHBOARDS["tonypi-fleet"]["templating"]["list"]
        (variable,) = (v for v in listed if v["name"] == f"worst_{metric}")
        query = {"refId": "V", "datasource": variable["datasource"], "query": variable["query"]}
        frames = self.ask([query | {"rawQuery": True, "resultFormat": "table"}])["V"]
        fields = frames[0]["schema"]["fields"]
        assert [field["name"] for field in fields] == ["Time", "robot_id"]
        return list(frames[0]["data"]["values"][1])

    def _filled_in(self, query: dict[str, Any], robot: str) -> dict[str, Any]:
        """Variables, as Grafana's browser side writes them into a query."""
        written = {
            "${robot:regex}": _escaped(robot),
            "${robot:sqlstring}": "'" + robot.replace("'", "''") + "'",
            "${__from}": self._millis(SINCE),
            "${__to}": self._millis(UNTIL),
        }
        for metric in set(re.findall(r"\$\{worst_(\w+):", str(query))):
            worst = self.worst(metric)
            written[f"${{worst_{metric}:regex}}"] = f"({'|'.join(map(_escaped, worst))})"
            written[f"${{worst_{metric}:csv}}"] = ",".join(worst)
        filled = dict(query)
        for key in ("query", "rawSql"):
            for variable, value in written.items():
                if key in filled:
                    filled[key] = filled[key].replace(variable, value)
            assert "${" not in filled.get(key, ""), f"a variable that tests do not know: {filled}"
        return filled


def _escaped(text: str) -> str:
    """As Grafana's format ``regex``."""
    return re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", text)


@contextmanager
def shown(ground: programs.Ground, cluster: programs.Cluster) -> Iterator[Shown]:
    """Start it, filled; needs a running InfluxDB and PostgreSQL on ``ground``."""
    with cluster.fresh() as database:
        own: dict[str, object] = {
            "PGDATABASE": database.database,
            "INFLUXDB_BUCKET": "dashboards",
            "GRAFANA_URL": f"http://127.0.0.1:{probe.free_port()}",
        }
        # On 2.x a token is of one bucket.
        own["INFLUXDB_GRAFANA_TOKEN"] = admin.prepare(ground.settings(**own).influx).grafana
        settings = ground.settings(**own)
        accounts.prepare(settings.postgres, SecretStr(""))
        base = int(time.time()) // 30 * 30 - 300
        _points(settings, base)
        with psycopg.connect(database.dsn) as conn:
            _rows(conn, base)
        part = programs.running_grafana(ground, settings, env=_alone(ground), name="grafana-shown")
        try:
            with _viewer(settings) as viewer:
                yield Shown(settings.grafana.url, settings, base, viewer)
        finally:
            ground.stop(part.name)


def _alone(ground: programs.Ground) -> dict[str, str]:
    data: Path = ground.site().data("grafana-shown")
    data.mkdir(parents=True)
    return {
        "GF_DATABASE_TYPE": "sqlite3",
        "GF_DATABASE_PATH": str(data / "grafana.db"),
        # For the browser, which comes without a login; a Viewer like every other.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_UNIFIED_ALERTING_EXECUTE_ALERTS": "false",
    }


@contextmanager
def _viewer(settings: Settings) -> Iterator[httpx.Client]:
    grafana = settings.grafana
    with httpx.Client(base_url=grafana.url, timeout=30, trust_env=False) as client:
        made = client.post(
            "/api/admin/users",
            json={"login": "looker", "password": "looker-of-tests"},
            auth=(grafana.admin_user, grafana.admin_password.get_secret_value()),
        )
        assert made.status_code == 200, made.text
        client.auth = httpx.BasicAuth("looker", "looker-of-tests")
        assert client.get("/api/user/orgs").json()[0]["role"] == "Viewer"
        yield client


def _points(settings: Settings, base: int) -> None:
    one, two, three = f"robot_id={LOOKED_AT}", f"robot_id={LOOK_ALIKE}", "robot_id=panel:3"
    lines = [
        (0, f"performance,{one} cpu_percent=40,memory_percent=50,cpu_temperature=55"),
        (1, f"performance,{one} cpu_percent=60,memory_percent=49,cpu_temperature=56"),
        (20, f"performance,{one} cpu_percent=45,memory_percent=51,cpu_temperature=54"),
        # A clock that is fast, and one that is too fast to be believed.
        (UNTIL + 30, f"performance,{one} cpu_percent=57,memory_percent=52,cpu_temperature=53"),
        (UNTIL + 90, f"performance,{one} cpu_percent=5,memory_percent=5,cpu_temperature=5"),
        (0, f"performance,{two} cpu_percent=99,memory_percent=91,cpu_temperature=71"),
        (0, f"performance,{three} cpu_percent=12,memory_percent=13,cpu_temperature=95"),
        (0, f"battery,{one} percentage=80,voltage=11.5,charging=false"),
        (30, f"battery,{one} percentage=79,voltage=11.4,charging=false"),
        (0, f"battery,{two} percentage=10,voltage=10,charging=false"),
        (30, f"battery,{two} percentage=15,voltage=10.1,charging=true"),
        (0, f"battery,{three} percentage=25,voltage=10.5,charging=false"),
        (0, f"servos,{one},servo_id=servo_1 temperature=41,position=1.5,voltage=4.9,load=12"),
        (1, f"servos,{one},servo_id=servo_1 temperature=44,position=2.5,voltage=4.8,load=11"),
        (0, f"servos,{one},servo_id=servo_2 temperature=62,position=-3,voltage=5"),
        (3, f"servos,{one},servo_id=servo_2 temperature=61,position=-4,voltage=5.1"),
        (0, f"servos,{two},servo_id=servo_1 temperature=76,position=9,voltage=3,load=90"),
        (0, f"imu,{one} accel_x=0.1,accel_y=0.2,accel_z=9.8,gyro_x=1,gyro_y=2,gyro_z=3"),
        (1, f"imu,{one} accel_x=0.3,accel_y=0.4,accel_z=9.6,gyro_x=3,gyro_y=4,gyro_z=5"),
        (0, f"imu,{two} accel_x=7,accel_y=7,accel_z=7,gyro_x=7,gyro_y=7,gyro_z=7"),
        (0, f"location,{one} x=1,y=2,z=0"),
        (2, f"location,{one} x=2,y=4,z=0"),
        (0, f"location,{two} x=9,y=9,z=9"),
        (0, "refused,topic=tonypi/sensors/x,reason=not_json count=2i"),
        (9, "refused,topic=tonypi/battery,reason=missing_id count=1i"),
    ]
    influx = settings.influx
    answer = httpx.post(
        f"{influx.url}/write",
        params={"db": influx.bucket, "precision": "s"},
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
        content="\n".join(f"{line} {base + second}" for second, line in lines),
        trust_env=False,
    )
    assert answer.status_code == 204, answer.text


ROBOTS = """
INSERT INTO robots (robot_id, name, status, last_seen, heard_at, registration, emergency_stopped,
                    is_active, ip_address, camera_url, location, description)
VALUES ('panel.1', 'Twin', 'online', now() - interval '5 s', 995, 'accepted', false, true,
        '10.0.0.1', 'http://10.0.0.1/cam', '{"x": 1, "y": 2.5, "z": 0}', 'by the door'),
       ('panelX1', 'Twin', 'offline', now() - interval '1 h', 10, 'accepted', true, true,
        NULL, 'javascript:alert(1)', NULL, NULL),
       ('panel:3', 'Third', 'maintenance', now(), 999, 'accepted', false, true,
        NULL, NULL, NULL, NULL),
       ('panel-4', 'Fourth', 'error', now(), 999, 'accepted', false, true,
        NULL, NULL, NULL, NULL),
       ('panel-new', NULL, 'online', now(), 999, 'pending', false, true, NULL, NULL, NULL, NULL),
       ('panel-no', 'No', 'online', now(), 999, 'refused', false, true, NULL, NULL, NULL, NULL),
       ('panel-old', 'Old', 'offline', now(), 1, 'accepted', false, false, NULL, NULL, NULL, NULL);
UPDATE robots SET created_at = '2026-01-02T03:04:05Z';
INSERT INTO heartbeats (name, beat_at, listened, details)
VALUES ('events', now() - interval '7 s', 1000, '{"silent_after": 60}')
ON CONFLICT (name) DO UPDATE
   SET beat_at = EXCLUDED.beat_at, listened = EXCLUDED.listened, details = EXCLUDED.details;
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold)
VALUES ('panel.1', 'cpu', 50, 58);
INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold, enabled)
VALUES ('panel.1', 'memory', 70, 80, false);
"""

ALERTS = """
INSERT INTO alerts (robot_id, metric, alert_type, severity, title, source, value, threshold,
                    starts_at, created_at, acknowledged, acknowledged_by, acknowledged_at,
                    resolved, resolved_at, resolve_reason)
VALUES ('panel.1', 'servo_temp', 'servo', 'warning', 'panel.1: servo temperature too high',
        'servo_2', 62, 60, %(b)s, %(b)s, true, 'anna', now(), false, NULL, NULL),
       ('panel.1', 'cpu', 'performance', 'critical', 'panel.1: CPU load too high', NULL, 60.04, 58,
        %(b)s - interval '2 min', %(b)s, false, NULL, NULL,
        true, %(b)s - interval '1 min', 'recovered'),
       ('panel.1', 'cpu', 'performance', 'warning', 'panel.1: long ago', NULL, 60, 58,
        %(b)s - interval '2 h', %(b)s - interval '2 h', false, NULL, NULL,
        true, %(b)s - interval '1 h', 'recovered'),
       ('panelX1', 'silence', 'network', 'critical', 'panelX1: robot silent', NULL, 990, 60,
        %(b)s + interval '1 min', %(b)s, false, NULL, NULL, false, NULL, NULL),
       (NULL, 'events', 'system', 'critical', 'Events stopped', NULL, 31, 30,
        %(b)s + interval '2 min', %(b)s, false, NULL, NULL, false, NULL, NULL)
"""

JOBS = """
INSERT INTO jobs (robot_id, task_name, phase, status, reason, start_time, end_time, items_total,
                  items_done, percent_complete)
VALUES ('panel.1', 'Sort', 'picking', 'active', NULL, %(b)s, NULL, 20, 13, 65.4),
       ('panel.1', NULL, NULL, 'failed', 'blocked', %(b)s - interval '1 h',
        %(b)s - interval '50 min', NULL, 3, 30),
       ('panelX1', 'Other', NULL, 'active', NULL, %(b)s, NULL, 2, 1, 50)
"""


def _rows(conn: psycopg.Connection[Any], base: int) -> None:
    at = conn.execute("SELECT to_timestamp(%s)", [base]).fetchone()
    assert at is not None
    conn.execute(ROBOTS)
    conn.execute(ALERTS, {"b": at[0]})
    conn.execute(JOBS, {"b": at[0]})
