"""A small fleet whose every figure is known, and a Grafana of its own that shows it to a Viewer.

Alone, because the Fleet dashboard counts every robot there is. Times are seconds from ``base``,
which lies on a whole minute, so that windows of the charts begin there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from pydantic import SecretStr

from glue.series import admin
from glue.settings import Settings
from glue.stack import probe
from glue.store import accounts
from tests import programs
from tests.integration.dashboards import data, history
from tests.integration.dashboards.data import LOOK_ALIKE, LOOKED_AT, SINCE, UNTIL
from tests.panel_queries import DASHBOARDS, escaped

ALL = "'*'"
"""What Jobs, Alerts and Logs ask with when nobody has chosen a robot."""

__all__ = ["ALL", "DASHBOARDS", "LOOKED_AT", "LOOK_ALIKE", "SINCE", "UNTIL", "Shown", "shown"]


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
        frame = self._variable("tonypi-fleet", f"worst_{metric}")
        assert [field["name"] for field in frame["schema"]["fields"]] == ["Time", "robot_id"]
        return list(frame["data"]["values"][1])

    def window(self) -> str:
        """What the hidden variable ``window`` of the Motion dashboard holds."""
        ((seconds,),) = self._variable("tonypi-motion", "window")["data"]["values"]
        return str(seconds)

    def _variable(self, uid: str, name: str) -> dict[str, Any]:
        """The table that the query of a dashboard's variable answers."""
        listed = DASHBOARDS[uid]["templating"]["list"]
        (variable,) = (v for v in listed if v["name"] == name)
        query = {"refId": "V", "datasource": variable["datasource"], "rawQuery": True}
        if variable["datasource"]["uid"] == "influxdb":
            query |= {"query": variable["query"], "resultFormat": "table"}
        else:
            query |= {"rawSql": variable["query"], "format": "table"}
        (frame,) = self.ask([query])["V"]
        return dict(frame)

    def _filled_in(self, query: dict[str, Any], robot: str) -> dict[str, Any]:
        """Variables, as Grafana's browser side writes them into a query."""
        written = {
            "${robot:regex}": escaped(robot),
            # The value of All is written as it stands.
            "${robot:sqlstring}": robot if robot == ALL else "'" + robot.replace("'", "''") + "'",
            "${level:sqlstring}": "'INFO'",
            "${search:sqlstring}": "''",
            "${__from}": self._millis(SINCE),
            "${__to}": self._millis(UNTIL),
        }
        if "${window:raw}" in str(query):
            written["${window:raw}"] = self.window()
        for metric in set(re.findall(r"\$\{worst_(\w+):", str(query))):
            worst = self.worst(metric)
            written[f"${{worst_{metric}:regex}}"] = f"({'|'.join(map(escaped, worst))})"
            written[f"${{worst_{metric}:csv}}"] = ",".join(worst)
        filled = dict(query)
        for key in ("query", "rawSql"):
            for variable, value in written.items():
                if key in filled:
                    filled[key] = filled[key].replace(variable, value)
            assert "${" not in filled.get(key, ""), f"a variable that tests do not know: {filled}"
        return filled


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
        # An odd minute: windows of two minutes then end with the places that are farthest out.
        base = (int(time.time()) - 360) // 120 * 120 + 60
        data.points(settings, base)
        history.points(settings, base)
        with psycopg.connect(database.dsn) as conn:
            data.rows(conn, base)
        part = programs.running_grafana(ground, settings, env=_alone(ground), name="grafana-shown")
        try:
            with _viewer(settings) as viewer:
                yield Shown(settings.grafana.url, settings, base, viewer)
        finally:
            ground.stop(part.name)


def _alone(ground: programs.Ground) -> dict[str, str]:
    # In the folder that the part hands over to Grafana's own user.
    folder = ground.site().data("grafana")
    return {
        "GF_DATABASE_TYPE": "sqlite3",
        "GF_DATABASE_PATH": str(folder / "grafana-shown.db"),
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
