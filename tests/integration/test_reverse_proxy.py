"""Grafana and the glue below paths of a real nginx, as docs/reverse-proxy.md has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import psycopg
import pytest

from glue.settings import PROJECT, Broker, Influx, Settings
from glue.stack import probe
from tests import programs
from tests.alert_stack import running_glue
from tests.native_stack import until
from tests.oidc import PASSWORD, form_of, kept_password, signed_in

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(
    NGINX is None, reason="no nginx on this machine (Debian's nginx-light)"
)


@dataclass
class Proxied:
    """``url`` is the proxy's root; Grafana is below /grafana, the glue below /glue."""

    url: str
    settings: Settings


def documented(ports: dict[str, int]) -> str:
    """The server of docs/reverse-proxy.md, at the ports of this test."""
    text = (PROJECT / "docs" / "reverse-proxy.md").read_text()
    found = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert found
    server = found[1].replace("listen 80;", f"listen 127.0.0.1:{ports['nginx']};")
    for program, usual in (("grafana", 3000), ("glue", 8000)):
        assert f"127.0.0.1:{usual}" in server
        server = server.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{ports[program]}")
    return server


@pytest.fixture(scope="module")
def nginx() -> Iterator[dict[str, int]]:
    ports = {name: probe.free_port() for name in ("nginx", "grafana", "glue")}
    with tempfile.TemporaryDirectory(prefix="tonypi-nginx-") as name:
        folder = Path(name)
        user = "user root;\n" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr warn;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{documented(ports)}}}\n"
        )
        assert NGINX is not None
        command = [NGINX, "-p", name, "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        with subprocess.Popen(command) as process:
            assert until(lambda: probe.accepts("127.0.0.1", ports["nginx"]), 10)
            yield ports
            process.terminate()


@pytest.fixture(scope="module")
def proxied(
    nginx: dict[str, int],
    ground: programs.Ground,
    postgres: programs.Cluster,
    mosquitto: Broker,
    influx: Influx,
) -> Iterator[Proxied]:
    url = f"http://localhost:{nginx['nginx']}"
    database = postgres.create("fleet_proxied")
    here = ground.programs.grafana() is not None
    settings = ground.settings(
        PGDATABASE=database.database,
        GRAFANA_URL=f"http://127.0.0.1:{nginx['grafana']}" if here else "",
        GRAFANA_PUBLIC_URL=f"{url}/grafana/",
        GLUE_PORT=nginx["glue"],
        GLUE_PUBLIC_URL=f"{url}/glue/",
        GLUE_WEBHOOK_URL=f"http://127.0.0.1:{nginx['glue']}/webhooks/grafana",
        MQTT_GLUE_CLIENT_ID="tonypi-glue-proxied",
    )
    with psycopg.connect(settings.postgres.dsn) as conn:
        conn.execute(
            "INSERT INTO users (id, username, email, password_hash, role)"
            " VALUES ('a-looker', 'looker', 'looker@example.org', %s, 'viewer')",
            [kept_password()],
        )
    if here:
        postgres.execute("CREATE DATABASE grafana_proxied OWNER grafana")
        env = {"GF_DATABASE_NAME": "grafana_proxied"}
        programs.running_grafana(ground, settings, env=env, name="grafana-proxied")
    with running_glue(ground, settings, "glue-proxied"):
        yield Proxied(url, settings)
    if here:
        ground.stop("grafana-proxied")


def mentioned(page: httpx.Response) -> set[str]:
    """Addresses on this server that a page refers to."""
    found = re.findall(r'(?:href|src)="([^"#]+)', page.text)
    whole = {urljoin(str(page.url), address) for address in found}
    return {address for address in whole if urlsplit(address).netloc == page.url.netloc.decode()}


def test_the_documentation_and_its_scripts_are_below_the_path(proxied: Proxied) -> None:
    with httpx.Client(trust_env=False, timeout=30) as client:
        page = client.get(f"{proxied.url}/glue/docs")
        assets = mentioned(page)
        assert len(assets) >= 3
        assert {client.get(asset).status_code for asset in assets} == {200}
        (schema,) = re.findall(r"url: '([^']+)'", page.text)
        document = client.get(f"{proxied.url}{schema}").json()
        # What «Try it out» asks.
        (server,) = document["servers"]
        answer = client.get(f"{proxied.url}{server['url']}/healthz")
        assert answer.status_code == 200
        schemes = document["components"]["securitySchemes"].values()
        (flow,) = [s["flows"]["password"] for s in schemes if "flows" in s]
        token = client.post(
            urljoin(f"{proxied.url}{server['url']}", flow["tokenUrl"]),
            data={"username": "looker", "password": PASSWORD},
        )
        assert token.status_code == 200, token.text


def test_the_console_stays_below_the_path(proxied: Proxied) -> None:
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=30) as client:
        page = client.get(f"{proxied.url}/glue/")
        action, token = form_of(page)
        data = {"form_token": token, "username": "looker", "password": PASSWORD}
        page = client.post(page.url.join(action), data=data)
        assert page.url.path.startswith("/glue/console"), page.text
        links = {link for link in mentioned(page) if "/grafana" not in link}
        assert len(links) > 5
        assert {urlsplit(link).path.split("/")[1] for link in links} == {"glue"}
        answers = {link: client.get(link).status_code for link in links}
        assert set(answers.values()) == {200}, answers


def test_people_sign_in_to_grafana_below_the_path(proxied: Proxied) -> None:
    grafana = proxied.settings.grafana
    if not grafana.url:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    login = (grafana.admin_user, grafana.admin_password.get_secret_value())
    with httpx.Client(base_url=grafana.url, auth=login, trust_env=False) as admin:
        # The glue reaches Grafana without the path, and makes the account.
        there = lambda: admin.get("/api/users/lookup?loginOrEmail=looker").is_success  # noqa: E731
        assert until(there, 30)
    me = signed_in(f"{proxied.url}/grafana/", "looker", PASSWORD)
    assert me.url.path == "/api/user"
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=30) as browser:
        page = browser.get(f"{proxied.url}/grafana/login?disableAutoLogin=true")
        assert page.status_code == 200
        assets = {asset for asset in mentioned(page) if "/public/" in asset}
        assert len(assets) > 3
        assert {urlsplit(asset).path.split("/")[1] for asset in assets} == {"grafana"}
        assert {browser.get(asset).status_code for asset in sorted(assets)[:5]} == {200}
