"""docker-compose.yml, without an engine: its shape, its variables, what it mounts and publishes.

The schema is compose-spec.json of compose-spec/compose-go (Apache-2.0), the one Compose uses.
"""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import SecretStr

from glue import environment
from glue import settings as settings_module
from glue.settings import GROUPS, PROJECT, Settings
from glue.stack import compose, containers, lan, programs
from glue.stack.parts import grafana, mosquitto, postgres

TEXT = (PROJECT / "docker-compose.yml").read_text()
ONE_SHOT = {"init-broker", "init-postgres", "init-accounts"}
SECRETS = {name: f"<{name}>" for name in (*containers.REQUIRED, *compose.BROKER_LOGINS)}

INNERMOST = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:-|:\?)([^${}]*))?\}")


class Lacking(Exception):
    """A variable that must be there is not."""


def interpolated(text: str, values: dict[str, str]) -> str:
    """``text`` as Compose reads it with ``values`` as its environment."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        found = values.get(name, "")
        if not found and kind == ":?":
            raise Lacking(f"{name}: {rest}")
        return found or (rest or "" if kind == ":-" else "")

    while INNERMOST.search(text):
        text = INNERMOST.sub(value, text)
    return text


def model(**values: str) -> dict:
    lines = (line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    return yaml.safe_load(interpolated("\n".join(lines), SECRETS | values))


def services(**values: str) -> dict[str, dict]:
    return model(**values)["services"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    given = (services()[name]["environment"] for name in ("glue", "init-broker"))
    return settings_module.load({"TONYPI_HOME": str(tmp_path)} | next(given) | next(given))


def test_it_follows_the_compose_specification():
    schema = json.loads((PROJECT / "tests" / "compose_spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(model())] == []
    broken = model()
    broken["services"]["glue"]["healthcheck"]["every"] = "1s"
    assert list(validator.iter_errors(broken)), "a schema that accepts anything proves nothing"


def test_every_variable_is_a_setting_or_listed():
    settings = {str(f.validation_alias) for g in GROUPS.values() for f in g.model_fields.values()}
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT))
    assert used - settings - set(compose.ONLY_HERE) == set()
    assert set(compose.ONLY_HERE) - used == set(), "listed, and used nowhere"
    docs = (PROJECT / "docs" / "docker.md").read_text()
    assert [name for name in compose.ONLY_HERE if f"`{name}`" not in docs] == []


def test_what_a_service_is_given_are_settings_of_ours_or_of_its_image():
    settings = {str(f.validation_alias) for g in GROUPS.values() for f in g.model_fields.values()}
    of_images = re.compile(
        r"(?i:no_proxy)|GF_PATHS_|GRAFANA_DASHBOARDS_DIR|GOMEMLIMIT|INFLUXD_|POSTGRES_INITDB|PGDATA"
    )
    for name, service in services().items():
        for variable in service.get("environment", {}):
            known = variable in settings | set(compose.ONLY_HERE) or of_images.match(variable)
            assert known, f"{name}: {variable}"


def test_without_secrets_it_says_what_to_do():
    with pytest.raises(Lacking, match=r"(MQTT_GLUE|POSTGRES)_PASSWORD: .*\.env.*make up"):
        interpolated(TEXT, {})


def test_only_three_ports_are_published_and_on_loopback_unless_asked():
    published = {name: s["ports"] for name, s in services().items() if "ports" in s}
    assert published == {
        "mosquitto": ["127.0.0.1:1883:1883"],
        "grafana": ["127.0.0.1:3000:3000"],
        "glue": ["127.0.0.1:8000:8000"],
    }
    asked = services(TONYPI_BIND="0.0.0.0", GRAFANA_PORT="3001")["grafana"]
    assert asked["ports"] == ["0.0.0.0:3001:3000"]
    assert asked["environment"]["GRAFANA_PUBLIC_URL"] == "http://localhost:3001"


def test_images_are_pinned_and_another_grafana_can_be_picked():
    for name, service in services().items():
        if service["image"] != "tonypi-glue":
            assert re.search(r":\d+\.\d+(\.\d+|-[a-z]+)$", service["image"]), name
    assert services()["grafana"]["image"].startswith("grafana/grafana:11.0.")
    other = services(GRAFANA_IMAGE="grafana/grafana:12.0.0")["grafana"]
    assert other["image"] == "grafana/grafana:12.0.0"


def test_services_restart_are_watched_and_do_not_fill_the_disk():
    for name, service in services().items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name
        assert ("healthcheck" in service) == (name not in ONE_SHOT | {"simulator"}), name
    assert services()["simulator"]["profiles"] == ["simulator"]
    assert not [n for n, s in services().items() if s.get("profiles") and n != "simulator"]


def test_each_waits_for_what_it_needs():
    all_of_them = services()
    for name, service in all_of_them.items():
        for other, how in service.get("depends_on", {}).items():
            well = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert how == {"condition": well}, f"{name} → {other}"

    def before(name: str) -> set[str]:
        direct = set(all_of_them[name].get("depends_on", {}))
        return direct.union(*map(before, direct))

    for name in ("telegraf", "grafana", "glue"):
        assert before(name) >= {"init-accounts", "postgres", "influxdb"}, name
    assert before("mosquitto") == {"init-broker"}
    assert before("postgres") == {"init-postgres"}
    assert before("simulator") >= {"glue", "telegraf", "mosquitto"}


def test_volumes_are_declared_and_each_environment_has_one_reader():
    declared, used = set(model()["volumes"]), {}
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source, _, options = volume.split(":")[0], volume.split(":")[1], volume.endswith(":ro")
            if not source.startswith("."):
                used.setdefault(source, []).append((name, options))
    assert set(used) == declared
    for program in ("telegraf", "grafana"):
        expected = [("init-accounts", False), (program, True)]
        assert used[f"{program}-environment"] == expected


def test_files_are_mounted_from_the_checkout_read_only():
    mounts = {
        volume.split(":")[1]: (PROJECT / volume.split(":")[0], volume.endswith(":ro"))
        for service in services().values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    }
    assert mounts == {
        "/etc/telegraf/telegraf.conf": (PROJECT / "telegraf" / "telegraf.conf", True),
        "/etc/grafana/grafana.ini": (PROJECT / "grafana" / "grafana.ini", True),
        "/etc/grafana/dashboards": (PROJECT / "grafana" / "dashboards", True),
        "/etc/grafana/provisioning": (PROJECT / "provisioning", True),
        # The glue compares what Grafana holds with them.
        "/app/grafana/dashboards": (PROJECT / "grafana" / "dashboards", True),
        "/app/provisioning": (PROJECT / "provisioning", True),
        "/tonypi/before_start.sh": (PROJECT / "postgres" / "before_start.sh", True),
    }
    assert all(source.exists() for source, _ in mounts.values())


@pytest.mark.parametrize("image", ["postgres:17-alpine", "postgres:18"])
def test_any_postgresql_finds_its_data_and_the_glue_its_client(image):
    ours = services(POSTGRES_IMAGE=image)
    assert ours["init-postgres"]["image"] == ours["postgres"]["image"] == image
    # 18 moved both, and refuses a volume in the old place unless it is told so.
    data = ours["postgres"]["environment"]["PGDATA"]
    assert f"postgres-data:{data}" in ours["postgres"]["volumes"]
    *_, checked, client = ours["init-postgres"]["entrypoint"]
    assert {f"postgres-data:{checked}:ro", f"postgres-client:{client}"} <= set(
        ours["init-postgres"]["volumes"]
    )
    (place,) = [v.split(":")[1] for v in ours["glue"]["volumes"] if "postgres-client" in v]
    assert Path(place) / "bin" in programs.postgres_places()


def test_postgres_has_the_native_runs_options():
    flags = services()["postgres"]["command"][1:]
    given = dict(flag.removeprefix("-c").split("=", 1) for flag in flags)
    where = {"listen_addresses", "unix_socket_directories"}
    assert given == {k: v for k, v in postgres.DEFAULTS.items() if k not in where}


def test_the_broker_has_the_native_runs_configuration(settings, tmp_path):
    containers.prepare_broker(settings, tmp_path, "127.0.0.1", "/tonypi/mosquitto")
    here = (tmp_path / "mosquitto.conf").read_text()
    native = mosquitto.configuration(settings.broker, 1883, "/home/data", "mosquitto")
    assert sorted(set(here.splitlines()) ^ set(native.splitlines())) == [
        "acl_file /tonypi/mosquitto/acl",
        "listener 1883 0.0.0.0",
        "listener 1883 127.0.0.1",
        "password_file /tonypi/mosquitto/passwords",
        "persistence_location /home/data/",
        "persistence_location /mosquitto/data/",
    ]
    assert (tmp_path / "mosquitto.conf").stat().st_mode & 0o777 == 0o600


def test_every_setting_in_the_brokers_configuration_reaches_it(tmp_path, monkeypatch):
    """The glue has all of .env, the step that writes the broker's configuration what is listed."""
    read = set()

    class Watched:
        def __getattr__(self, name):
            read.add(str(GROUPS["broker"].model_fields[name].validation_alias))
            return 7

    mosquitto.configuration(Watched(), 1883, "/data", "mosquitto")
    assert read
    monkeypatch.chdir(tmp_path)
    given = services()["init-broker"]["environment"]
    assert read - given.keys() == set()
    usual = settings_module.load({}).broker
    assert settings_module.load({name: given[name] for name in read}).broker == usual
    changed = services(MQTT_QUEUE_BYTES="1048576")["init-broker"]["environment"]
    assert changed["MQTT_QUEUE_BYTES"] == 1048576


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7", "robots.example"])
def test_a_broker_without_a_password_is_not_opened_to_the_network(address, settings, tmp_path):
    with pytest.raises(containers.Exposed, match="MQTT_PASSWORD"):
        containers.prepare_broker(settings, tmp_path, address, "/tonypi/mosquitto")
    assert not list(tmp_path.iterdir())
    for loopback in ("127.0.0.1", "::1", "[::1]", "localhost"):
        containers.prepare_broker(settings, tmp_path, loopback, "/tonypi/mosquitto")
    assert "allow_anonymous true" in (tmp_path / "mosquitto.conf").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"MQTT_USERNAME": "robots"}, "MQTT_USERNAME=robots .* MQTT_PASSWORD"),
        ({"MQTT_REQUIRE_PASSWORD": "1"}, "MQTT_REQUIRE_PASSWORD .* MQTT_PASSWORD"),
    ],
)
def test_a_wish_for_a_password_without_one_is_refused_on_loopback_too(given, said, tmp_path):
    settings = settings_module.load(
        {"TONYPI_HOME": str(tmp_path)} | services(**given)["init-broker"]["environment"]
    )
    with pytest.raises(containers.Exposed, match=said):
        containers.prepare_broker(settings, tmp_path, "127.0.0.1", "/tonypi/mosquitto")
    assert not list(tmp_path.iterdir())


def test_a_password_without_a_name_is_that_of_robots(tmp_path):
    settings = settings_module.load(
        {"TONYPI_HOME": str(tmp_path)}
        | services(MQTT_PASSWORD="secret")["init-broker"]["environment"]
    )
    containers.prepare_broker(settings, tmp_path, "127.0.0.1", "/tonypi/mosquitto")
    assert "\nrobots:" in (tmp_path / "passwords").read_text()
    assert "allow_anonymous false" in (tmp_path / "mosquitto.conf").read_text()


def test_robots_in_containers_may_do_what_they_may_natively(settings, tmp_path):
    broker = settings.broker.model_copy(
        update={
            "robots_username": "our-robots",
            "robots_password": SecretStr("r"),
            "telegraf_password": SecretStr("t"),
            "simulator_password": SecretStr("s"),
        }
    )
    guarded = settings.model_copy(update={"broker": broker})
    containers.prepare_broker(guarded, tmp_path, "0.0.0.0", "/tonypi/mosquitto")
    assert "allow_anonymous false" in (tmp_path / "mosquitto.conf").read_text()
    names = [line.split(":")[0] for line in (tmp_path / "passwords").read_text().splitlines()]
    assert names == ["telegraf", "simulator", "our-robots", "glue"]
    rules = (tmp_path / "acl").read_text()
    assert rules == mosquitto.access(broker, mosquitto.model(PROJECT))
    assert rules.index("user our-robots") < rules.rindex("topic write tonypi/commands/response")
    given = containers.telegraf_environment(guarded)
    assert (given["MQTT_USERNAME"], given["MQTT_PASSWORD"]) == ("telegraf", "t")


@pytest.mark.parametrize("name", ["glue", "telegraf", "simulator"])
def test_robots_may_not_come_with_the_name_of_a_program_of_ours(name, settings, tmp_path):
    broker = settings.broker.model_copy(
        update={"robots_username": name, "robots_password": SecretStr("r")}
    )
    with pytest.raises(lan.NameTaken, match=f"MQTT_USERNAME={name}"):
        containers.prepare_broker(
            settings.model_copy(update={"broker": broker}), tmp_path, "127.0.0.1", "/tonypi"
        )


def test_telegraf_is_given_all_it_reads_and_no_other_secret(settings):
    text = (PROJECT / "telegraf" / "telegraf.conf").read_text()
    full = settings_module.load(
        {"TONYPI_HOME": "/nowhere", "INFLUXDB_TELEGRAF_TOKEN": "t"}
        | {str(f.validation_alias): "s" for g in GROUPS.values() for f in _secrets(g)}
        | {"DATABASE_URL": ""}
    )
    given = containers.telegraf_environment(full)
    assert set(given) <= environment.variables(text)
    assert {"MQTT_PASSWORD", "INFLUXDB_TELEGRAF_TOKEN"} <= set(given)
    assert not {"PGPASSWORD", "POSTGRES_PASSWORD", "INFLUXDB_TOKEN"} & set(given)
    grafanas = containers.grafana_environment(full)
    assert not {"PGPASSWORD", "POSTGRES_PASSWORD", "INFLUXDB_TOKEN"} & set(grafanas)


def _secrets(group):
    return [f for f in group.model_fields.values() if "Secret" in str(f.annotation)]


def test_grafana_is_told_what_the_native_run_tells_it(settings):
    native = grafana.environment(settings, PROJECT, Path("/data"))
    service = services()["grafana"]["environment"]
    given = {**service, **containers.grafana_environment(settings)}
    ports = {"GF_SERVER_HTTP_ADDR", "GF_SERVER_HTTP_PORT"}
    assert {n for n, v in native.items() if v} - set(given) == ports
    mentioned = set()
    for file in (PROJECT / "provisioning").rglob("*.yml"):
        mentioned |= environment.variables(re.sub(r"\{\{.*?\}\}", "", file.read_text(), flags=re.S))
    tokens = {"INFLUXDB_GRAFANA_TOKEN", "GRAFANA_READER_PASSWORD", "GLUE_WEBHOOK_SECRET"}
    assert mentioned - set(given) <= tokens, "known only where secrets are"
    assert given["GF_DATABASE_HOST"] == "postgres:5432"


def test_missing_secrets_are_named_before_anything_is_done(settings, tmp_path):
    with pytest.raises(containers.Incomplete, match=r"PGPASSWORD.*INFLUXDB_TOKEN.*make up"):
        containers.prepare_accounts(settings, tmp_path / "t", tmp_path / "g")
    assert not list(tmp_path.iterdir())


def test_telegrafs_health_is_its_connection_to_the_broker():
    pattern = services()["telegraf"]["healthcheck"]["test"][3]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = f"{listener.getsockname()[1]:04X}"
        found = re.compile(pattern.replace("075B", port), re.MULTILINE)
        assert not found.search(Path("/proc/net/tcp").read_text())
        with socket.create_connection(listener.getsockname()):
            assert found.search(Path("/proc/net/tcp").read_text())
    assert int("075B", 16) == 1883


def test_the_database_of_the_containers_is_not_that_of_a_url(tmp_path):
    compose.write_env(tmp_path, {}, {})
    text = (tmp_path / ".env").read_text()
    given = {"DATABASE_URL": "postgresql://ada:s3cret@localhost/prod"}
    assert compose.write_env(tmp_path, {}, given) == []
    assert (tmp_path / ".env").read_text() == text
    # One that somebody wrote into .env, which contradicts the address between containers.
    for name in ("init-accounts", "glue"):
        assert services()[name]["environment"]["DATABASE_URL"] == "", name


def test_grafana_in_a_container_gets_its_own_settings_and_ours_where_it_must(tmp_path):
    own = {"GF_SMTP_HOST": "mail:25", "GF_DATABASE_HOST": "elsewhere", "GF_PATHS_DATA": "/x"}
    full = settings_module.load(
        {"TONYPI_HOME": str(tmp_path), "GF_FEATURE_TOGGLES_ENABLE": "mine", **own}
        | {"GLUE_EVALUATION_INTERVAL": "1", "PGHOST": "postgres"}
    )
    given = containers.grafana_environment(full)
    assert given["GF_SMTP_HOST"] == "mail:25"
    assert given["GF_DATABASE_HOST"] == "postgres:5432"
    assert given["GF_FEATURE_TOGGLES_ENABLE"] == "mine,configurableSchedulerTick"
    assert "GF_PATHS_DATA" not in given
    assert grafana.overruled(full) == ["GF_DATABASE_HOST", "GF_PATHS_DATA"]


def test_a_file_of_a_setting_that_must_be_ours_is_not_handed_to_grafana(tmp_path):
    (tmp_path / "there").write_text("http://elsewhere \n")
    names = ("GF_SERVER_ROOT_URL", "GF_SMTP_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD")
    pointers = {f"{name}__FILE": str(tmp_path / "there") for name in names}
    full = settings_module.load({"TONYPI_HOME": str(tmp_path)} | pointers)
    assert grafana.overruled(full) == ["GF_SERVER_ROOT_URL__FILE"]
    given = containers.grafana_environment(full)
    # The image reads this one, and ends where a value stands beside a file.
    assert [name for name in given if name.endswith("__FILE")] == ["GF_SMTP_PASSWORD__FILE"]
    assert given["GF_SERVER_ROOT_URL"] == "http://127.0.0.1:3000/"
    assert given["GF_SECURITY_ADMIN_PASSWORD"] == "http://elsewhere "


def test_a_proxy_of_dockers_client_is_not_asked_for_what_is_in_here():
    for name, service in services().items():
        for variable in ("NO_PROXY", "no_proxy"):
            without = service["environment"][variable].split(",")
            assert {"127.0.0.1", "postgres", "influxdb", "grafana", "glue"} <= set(without), name
