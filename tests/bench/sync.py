"""Grafana in step at size: ``python -m tests.bench.sync [--robots 1000] [--users 200]``.

A real glue process, a real Grafana behind a counting proxy, real PostgreSQL. Tells how long it
takes to bring an empty Grafana in step, what a look costs when nothing differs, how soon a changed
role is seen in Grafana and with which writes, how soon what is changed by hand (a role, a team, a
folder's permissions) is set back and a changed file is loaded, and whether others' objects are as
they were. ``--interval`` is ``GRAFANA_SYNC_INTERVAL`` (s), as shipped unless said.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx
import psycopg

from glue.settings import PROJECT, Settings
from glue.stack.parts import mosquitto
from tests import http_proxy, programs
from tests.alert_stack import running_glue

ROLES = ("viewer", "operator", "admin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robots", type=int, default=1000)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--interval", type=float)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    if asked.interval:
        ground.environ["GRAFANA_SYNC_INTERVAL"] = str(asked.interval)
    try:
        measure(ground, asked.robots, asked.users)
    finally:
        ground.clear()


def measure(ground: Any, robots: int, users: int) -> None:

    cluster = programs.migrated_cluster(ground)
    ground.start(mosquitto.part(ground.site()))
    programs.running_influxdb(ground)
    ground.environ["PGDATABASE"] = cluster.create().database
    settings = ground.settings()
    programs.running_grafana(ground, settings)
    fill(settings, robots, users)
    with http_proxy.before(settings.grafana.url) as proxy, grafana_of(settings) as grafana:
        behind = settings.grafana.model_copy(update={"url": proxy.url})
        served = settings.model_copy(update={"grafana": behind})
        others = foreign(grafana)
        began = time.monotonic()
        with running_glue(ground, served):
            await_so(lambda: len(members(grafana)) >= users, 300)
            beat = await_so(lambda: idle(settings), 120)
            print(f"{robots} robots, {users} users, empty Grafana to in step:"
                  f" {time.monotonic() - began:.1f} s, {len(proxy.writes)} writes")  # fmt: skip
            print(f"no change: {beat['writes']} writes, {beat['requests']} requests,"
                  f" {beat['seconds']:.2f} s")  # fmt: skip
            took = [role_change(settings, grafana, proxy, n) for n in range(10)]
            writes = sorted({count for _, count in took})
            seconds = [second for second, _ in took]
            print(f"role changed to seen in Grafana: median {statistics.median(seconds):.2f} s,"
                  f" worst {max(seconds):.2f} s, writes {writes}")  # fmt: skip
            for what, seconds in by_hand(grafana).items():
                print(f"{what} changed by hand: set back after {seconds:.1f} s")
            print(f"a changed file: loaded after {file_changed(grafana):.1f} s")
            print(f"others' objects: {'as they were' if foreign(grafana) == others else 'CHANGED'}")


def fill(settings: Settings, robots: int, users: int) -> None:
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute(
            "INSERT INTO robots (robot_id, name) SELECT 'bot_' || n, 'Bot ' || n"
            " FROM generate_series(1, %s) n",
            (robots,),
        )
        conn.execute(
            "INSERT INTO users (username, email, password_hash, role)"
            " SELECT 'user' || n, 'user' || n || '@example.org', '!', (%s::text[])[1 + n %% 3]"
            " FROM generate_series(1, %s) n",
            (list(ROLES), users),
        )


def grafana_of(settings: Settings) -> httpx.Client:
    grafana = settings.grafana
    admin = (grafana.admin_user, grafana.admin_password.get_secret_value())
    return httpx.Client(base_url=grafana.url, auth=admin, timeout=30)


def members(grafana: httpx.Client) -> dict[str, dict[str, Any]]:
    return {one["login"]: one for one in grafana.get("/api/orgs/1/users").json()}


def idle(settings: Settings) -> dict[str, Any] | None:
    """The last go's figures, once it found nothing to do."""
    with psycopg.connect(settings.postgres.dsn) as conn:
        row = conn.execute("SELECT details FROM heartbeats WHERE name = 'sync'").fetchone()
    told = row[0] if row else {}
    return told if told.get("writes") == 0 and not told.get("error") else None


def role_change(
    settings: Settings, grafana: httpx.Client, proxy: http_proxy.Proxy, n: int
) -> tuple[float, int]:
    """(seconds to the new role, writes) of one user's change."""
    login = f"user{3 * n + 3}"
    proxy.forget()
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute("UPDATE users SET role = 'admin' WHERE username = %s", (login,))
    began = time.monotonic()
    await_so(lambda: members(grafana)[login]["role"] == "Admin", 30, every=0.02)
    took = time.monotonic() - began
    time.sleep(2)
    return took, len(proxy.writes)


def by_hand(grafana: httpx.Client) -> dict[str, float]:
    """Seconds until each of these is as declared again."""
    user = members(grafana)["user3"]["userId"]
    team = {row["name"]: row["id"] for row in asked(grafana, "/teams/search")["teams"]}
    admins = f"/api/teams/{team['TonyPi admins']}/members"

    def in_team() -> bool:
        return user in {one["userId"] for one in grafana.get(admins).json()}

    def permissions() -> list[str]:
        rows = asked(grafana, "/folders/robots/permissions")
        return sorted(f"{row.get('role')} {row.get('team')} {row['permission']}" for row in rows)

    before = permissions()
    open_to_all = {"items": [{"role": "Viewer", "permission": 2}]}
    tries: dict[str, tuple[Callable[[], httpx.Response], Callable[[], bool]]] = {
        "a role": (
            lambda: grafana.patch(f"/api/orgs/1/users/{user}", json={"role": "Viewer"}),
            lambda: members(grafana)["user3"]["role"] == "Admin",
        ),
        "a team": (lambda: grafana.delete(f"{admins}/{user}"), in_team),
        "a folder's permissions": (
            lambda: grafana.post("/api/folders/robots/permissions", json=open_to_all),
            lambda: permissions() == before,
        ),
    }
    took = {}
    for what, (spoil, is_so) in tries.items():
        spoil().raise_for_status()
        began = time.monotonic()
        await_so(is_so, 90, every=0.1)
        took[what] = time.monotonic() - began
    return took


def file_changed(grafana: httpx.Client) -> float:
    """Seconds until a contact point is as its changed file says; the file is the repository's, and
    put back."""
    path = PROJECT / "provisioning" / "alerting" / "contact_points.yml"
    text = path.read_text()

    def most() -> str:
        points = asked(grafana, "/v1/provisioning/contact-points")
        return next(str(one["settings"]["maxAlerts"]) for one in points if one["name"] == "glue")

    try:
        path.write_text(text.replace('maxAlerts: "2000"', 'maxAlerts: "1999"'))
        began = time.monotonic()
        await_so(lambda: most() == "1999", 90, every=0.1)
        return time.monotonic() - began
    finally:
        path.write_text(text)


def foreign(grafana: httpx.Client) -> dict[str, Any]:
    """Objects of others, made when they are not there: as Grafana tells them."""
    if grafana.get("/api/folders/others").status_code == 404:
        person = {"login": "fay", "email": "fay@other.org", "password": "other's", "OrgId": 1}
        for path, body in (
            ("/admin/users", person),
            ("/teams", {"name": "Others"}),
            ("/folders", {"uid": "others", "title": "Others"}),
            ("/annotations", {"text": "a note", "tags": ["note"], "time": 1_700_000_000_000}),
        ):
            grafana.post(f"/api{path}", json=body).raise_for_status()
    teams = asked(grafana, "/teams/search")["teams"]
    return {
        "user": {k: v for k, v in members(grafana)["fay"].items() if "lastSeen" not in k},
        "team": [one for one in teams if one["name"] == "Others"],
        "folder": asked(grafana, "/folders/others"),
        "permissions": asked(grafana, "/folders/others/permissions"),
        "note": asked(grafana, "/annotations?tags=note&from=1600000000000&to=1800000000000"),
    }


def asked(grafana: httpx.Client, path: str) -> Any:
    answer = grafana.get(f"/api{path}")
    answer.raise_for_status()
    return answer.json()


def await_so(is_so: Callable[[], Any], within: float, every: float = 0.2) -> Any:
    until = time.monotonic() + within
    while not (found := is_so()):
        if time.monotonic() > until:
            raise SystemExit(f"not so within {within:g} s")
        time.sleep(every)
    return found


if __name__ == "__main__":
    main()
