"""Addresses as people paste them: taken, or refused by the setting's name and without a secret."""

import re
from urllib.parse import urlsplit

import pytest

from glue.environment import exported
from glue.settings import SettingsError, load

SOCKET = ("/run/postgresql", 5432, "robots", "me", "")
TLS = "sslmode=require"
FULL = ("db", 5433, "robots", "me", "s3cret")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(**environ: str):
    return load({"TONYPI_HOME": "/nowhere"} | environ)


@pytest.mark.parametrize(
    ("url", "parts", "options"),
    [
        ("postgresql://me:s3cret@db:5433/robots", FULL, ""),
        ("postgres://me:s3cret@db:5433/robots", FULL, ""),
        ("postgresql+psycopg2://me:s3cret@db:5433/robots", FULL, ""),
        ("postgresql+asyncpg://me:s3cret@db:5433/robots?ssl=require", FULL, "sslmode=require"),
        ("jdbc:postgresql://db:5433/robots?user=me&password=s3cret", FULL, ""),
        ("jdbc:postgresql://db:5433/robots?user=me&password=s3cret&ssl=true", FULL, TLS),
        ("postgresql://me:s3cret@db:5433/robots?schema=public&connection_limit=5", FULL, ""),
        ("postgresql://me:s3cret@db:5433/robots?sslmode=verify-full&sslrootcert=/etc/ca.pem",
         FULL, "sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem"),
        ("postgresql://db/robots", ("db", 5432, "robots", "glue", ""), ""),
        ("postgresql://me:s#cr@t:1@db:5433", ("db", 5433, "tonypi", "me", "s#cr@t:1"), ""),
        ("postgresql://me:s%23c%2Fr%25@db/r%20b", ("db", 5432, "r b", "me", "s#c/r%"), ""),
        ("postgresql://me@[::1]:5433/robots", ("::1", 5433, "robots", "me", ""), ""),
        ("postgresql://me@/robots?host=/run/postgresql", SOCKET, ""),
        ("postgresql://me@%2Frun%2Fpostgresql/robots", SOCKET, ""),
    ],
)  # fmt: skip
def test_a_database_url_is_the_parts_that_it_says(url, parts, options):
    postgres = made(DATABASE_URL=url).postgres
    assert (
        postgres.host, postgres.port, postgres.database, postgres.user,
        postgres.password.get_secret_value(),
    ) == parts  # fmt: skip
    # The superuser comes to the same server in the same way.
    for dsn in (postgres.dsn, postgres.admin_dsn):
        assert urlsplit(dsn).query == options


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://me:s3cret@db/robots", "postgresql://"),
        ("me:s3cret@db/robots", "postgresql://"),
        ("postgresql://me:s3c/ret@db/robots", "percent-encode"),
        ("postgresql://me:s3c?ret@db/robots", "percent-encode"),
        ("postgresql://me:s3cret@db:port/robots", "port"),
        ("postgresql://me:s3cret@db:99999/robots", "port"),
        ("postgresql://me:s3cret@one,two/robots", "several hosts"),
        ("postgresql://me:s3cret@db/robots?schema=fleet", "public"),
        ("postgresql://me:s3cret@db/robots?s3cret=1", "an option other than"),
        ("postgresql://me:s3cret@db/robots#s3cret", "#"),
    ],
)
def test_a_database_url_that_cannot_be_used_is_refused_and_not_printed(url, why):
    with pytest.raises(SettingsError, match=r"DATABASE_URL") as error:
        made(DATABASE_URL=url)
    assert why in str(error.value)
    assert not any(part in str(error.value) for part in ("s3c", "ret@", "robots", "one,two"))


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"DATABASE_URL": "postgresql://db/robots", "PGHOST": "other"}, ("DATABASE_URL", "PGHOST")),
        ({"DATABASE_URL": "postgresql://db/r", "PGDATABASE": "s"}, ("DATABASE_URL", "PGDATABASE")),
        ({"DATABASE_URL": "postgres://a:b@d/", "PGPASSWORD": "c"}, ("DATABASE_URL", "PGPASSWORD")),
        ({"MQTT_BROKER_HOST": "h:1884", "MQTT_BROKER_PORT": "1885"},
         ("MQTT_BROKER_HOST", "MQTT_BROKER_PORT")),
        ({"GF_SERVER_ROOT_URL": "http://a/", "GRAFANA_PUBLIC_URL": "http://b"},
         ("GF_SERVER_ROOT_URL", "GRAFANA_PUBLIC_URL")),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_both_named(environ, named):
    with pytest.raises(SettingsError) as error:
        made(**environ)
    assert all(name in str(error.value) for name in named)


def test_settings_that_agree_are_no_contradiction(elsewhere):
    (elsewhere / ".env").write_text("DATABASE_URL=postgresql://db:5433/robots\n")
    (elsewhere / "stack.env").write_text("PGPORT=5555\n")
    postgres = load({"TONYPI_HOME": str(elsewhere), "PGHOST": "db"}).postgres
    assert (postgres.host, postgres.port) == ("db", 5433), "stack.env has only what is generated"


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "postgresql://ada@db.example.org/prod"},
        {"PGHOST": "db.example.org", "PGUSER": "ada", "PGDATABASE": "prod"},
    ],
)
def test_another_database_is_not_completed_with_what_was_kept_of_ours(given, elsewhere):
    (elsewhere / "stack.env").write_text(
        "PGPORT=25432\nPGPASSWORD=generated\nDATABASE_URL=postgresql://?sslmode=require\n"
    )
    postgres = load({"TONYPI_HOME": str(elsewhere)} | given).postgres
    assert postgres.dsn == "postgresql://ada@db.example.org:5432/prod"


OURS = {
    "INFLUXDB_URL": "http://127.0.0.1:8087",
    "INFLUXDB_TOKEN": "tonypi:generated",
    "INFLUXDB_GRAFANA_TOKEN": "grafana:generated",
    "INFLUXDB_LIMITS_TOKEN": "limits:generated",
    "GRAFANA_URL": "http://127.0.0.1:3001",
    "GF_SECURITY_ADMIN_PASSWORD": "generated",
    "MQTT_BROKER_PORT": "1884",
    "MQTT_PASSWORD": "generated",
    "PGPORT": "5433",
    "POSTGRES_PASSWORD": "generated",
}


@pytest.mark.parametrize(
    ("given", "goes"),
    [
        ({"INFLUXDB_URL": "http://series.example:8086"}, "INFLUXDB"),
        ({"GRAFANA_URL": "https://grafana.example"}, "GRAFANA|GF_"),
        ({"MQTT_BROKER_HOST": "mqtt://broker.example"}, "MQTT"),
        ({"PGHOST": "db.example"}, "PG|POSTGRES"),
        ({"INFLUXDB_URL": "http://localhost:8087", "PGHOST": "::1"}, "nothing"),
        ({"MQTT_BROKER_HOST": "192.0.2.7", "TONYPI_BIND": "192.0.2.7"}, "nothing"),
    ],
)
def test_what_was_kept_of_our_server_is_not_sent_to_another(given, goes, elsewhere):
    text = "".join(f"{name}={value}\n" for name, value in OURS.items())
    (elsewhere / "stack.env").write_text(text)
    found = exported(load({"TONYPI_HOME": str(elsewhere)} | given))
    own = {name for name, value in OURS.items() if found.get(name) == value}
    assert own == {name for name in OURS if not re.match(goes, name)} - set(given)
    # Said once for that server, it holds.
    (elsewhere / "stack.env").write_text(text + "".join(f"{n}={v}\n" for n, v in given.items()))
    found = exported(load({"TONYPI_HOME": str(elsewhere)} | given))
    assert {name for name, value in OURS.items() if found.get(name) == value} == OURS.keys() - given


@pytest.mark.parametrize("host", ["localhost", "db.example.org"])
def test_our_own_database_is_completed_with_what_was_kept_of_it(host, elsewhere):
    kept = f"PGHOST={host}\nPGPORT=25432\nPGPASSWORD=generated\n"
    (elsewhere / "stack.env").write_text(kept)
    url = f"postgresql://glue@{host}/robots"
    postgres = load({"TONYPI_HOME": str(elsewhere), "DATABASE_URL": url}).postgres
    assert postgres.dsn == f"postgresql://glue:generated@{host}:25432/robots"


@pytest.mark.parametrize(
    ("given", "host", "port", "user"),
    [
        ("broker", "broker", 1883, ""),
        ("broker:1884", "broker", 1884, ""),
        ("mqtt://broker", "broker", 1883, ""),
        ("tcp://broker:1884/", "broker", 1884, ""),
        ("mqtt://fleet:s3cret@broker:1884", "broker", 1884, "fleet"),
        ("::1", "::1", 1883, ""),
        ("mqtt://[::1]:1884", "::1", 1884, ""),
    ],
)
def test_a_broker_may_be_given_as_an_address(given, host, port, user):
    broker = made(MQTT_BROKER_HOST=given).broker
    assert (broker.host, broker.port, broker.username) == (host, port, user)


WEB = ("INFLUXDB_URL", "GRAFANA_URL", "GRAFANA_PUBLIC_URL", "GLUE_PUBLIC_URL", "GLUE_INTERNAL_URL")


@pytest.mark.parametrize("name", [*WEB, "GLUE_WEBHOOK_URL"])
def test_a_slash_at_the_end_of_an_address_goes(name, elsewhere):
    for given in ("http://h:8086/", " http://h:8086// ", "http://h:8086"):
        assert "http://h:8086" in made(**{name: given}).model_dump_json().replace('h:8086/"', "")
    # Also where an earlier release has kept it.
    (elsewhere / "stack.env").write_text("INFLUXDB_URL=http://h:8086/\n")
    assert load({"TONYPI_HOME": str(elsewhere)}).influx.url == "http://h:8086"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *((name, "http://me:s3cret@h:8086") for name in WEB),
        *((name, "h:8086") for name in WEB),
        ("INFLUXDB_URL", "http://h:8086/?token=s3cret"),
        ("INFLUXDB_URL", "influxdb://h:8086"),
        ("INFLUXDB_URL", "http://h:s3cret"),
        ("MQTT_BROKER_HOST", "mqtts://me:s3cret@h"),
        ("MQTT_BROKER_HOST", "ws://h/s3cret"),
        ("MQTT_BROKER_HOST", "mqtt://me:s3cret@h:port"),
        ("MQTT_BROKER_HOST", "mqtt://me:s3cret@"),
    ],
)
def test_other_addresses_are_refused_and_not_printed(name, given):
    with pytest.raises(SettingsError, match=name) as error:
        made(**{name: given})
    assert "s3cret" not in str(error.value)
