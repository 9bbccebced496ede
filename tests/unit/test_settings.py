"""Settings: where values come from, and what is said of unusable ones."""

import pytest

from glue import settings
from glue.cli.docs import settings_page
from glue.settings import SettingsError, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_environment_wins_over_files_and_files_over_defaults(elsewhere):
    (elsewhere / "stack.env").write_text("PGPORT=5555\nMQTT_BROKER_PORT=1884\nGLUE_PORT=8001\n")
    (elsewhere / ".env").write_text("# a comment\nMQTT_BROKER_PORT='1885'\nGLUE_PORT=8002\n")
    made = load({"TONYPI_HOME": str(elsewhere), "GLUE_PORT": "8003"})
    assert (made.postgres.port, made.broker.port, made.glue.port) == (5555, 1885, 8003)
    assert made.influx.bucket == "robot_metrics"


def test_secrets_come_from_files_and_hide_themselves(elsewhere):
    (elsewhere / "secret").write_text("s3cret\n")
    made = load({"TONYPI_HOME": str(elsewhere), "PGPASSWORD_FILE": str(elsewhere / "secret")})
    assert "s3cret" in made.postgres.dsn
    assert "s3cret" not in repr(made)


def test_a_space_at_the_end_of_a_secret_file_is_the_secrets(elsewhere):
    (elsewhere / "secret").write_text(" s3cret \r\n")
    for pointer in ("GF_SECURITY_ADMIN_PASSWORD_FILE", "GF_SECURITY_ADMIN_PASSWORD__FILE"):
        made = load({"TONYPI_HOME": str(elsewhere), pointer: str(elsewhere / "secret")})
        assert made.grafana.admin_password.get_secret_value() == " s3cret "


def test_grafanas_settings_from_files_follow_the_rule_of_ours(elsewhere):
    (elsewhere / "secret").write_text(" s3cret \r\n")
    pointers = {
        f"{name}__FILE": str(elsewhere / "secret")
        for name in ("GF_SECURITY_ADMIN_PASSWORD", "GF_SMTP_PASSWORD", "GF_SMTP_USER")
    }
    made = load({"TONYPI_HOME": str(elsewhere), "GF_SMTP_USER": "ada"} | pointers)
    assert made.grafana.admin_password.get_secret_value() == " s3cret "
    assert settings.read_files(made.grafanas_own) == {
        "GF_SMTP_PASSWORD": " s3cret ",
        "GF_SMTP_USER": "ada",
    }
    with pytest.raises(SettingsError, match="GF_SMTP_HOST__FILE"):
        settings.read_files({"GF_SMTP_HOST__FILE": str(elsewhere / "missing")})


@pytest.mark.parametrize(
    ("kept", "given"),
    [("GF_SMTP_USER", "GF_SMTP_USER__FILE"), ("GF_SMTP_USER__FILE", "GF_SMTP_USER")],
)
def test_a_value_and_the_file_that_holds_it_replace_each_other(kept, given, elsewhere):
    (elsewhere / "stack.env").write_text(f"{kept}=before\n")
    assert load({"TONYPI_HOME": str(elsewhere), given: "after"}).grafanas_own == {given: "after"}


def test_a_variable_that_is_not_set_is_refused_in_a_setting_of_ours_alone(elsewhere):
    (elsewhere / ".env").write_text("GRAFANA_READER_PASSWORD=Pa$word-2026\nOTHERS=$nothing\n")
    with pytest.raises(SettingsError, match=r"GRAFANA_READER_PASSWORD.*single quotes") as error:
        load({"TONYPI_HOME": str(elsewhere)})
    assert "word-2026" not in str(error.value)
    made = load({"TONYPI_HOME": str(elsewhere), "GRAFANA_READER_PASSWORD": "Pa$word"})
    assert made.postgres.reader_password.get_secret_value() == "Pa$word"


def test_grafanas_own_settings_are_taken_along(elsewhere):
    (elsewhere / ".env").write_text("GF_SMTP_HOST=mail:25\nGF_SMTP_PASSWORD='a $b'\n")
    made = load({"TONYPI_HOME": str(elsewhere), "GF_SMTP_HOST": "other:25", "HOME": "/root"})
    assert made.grafanas_own == {"GF_SMTP_HOST": "other:25", "GF_SMTP_PASSWORD": "a $b"}


def test_what_is_kept_of_an_environment():
    given = {
        *("FLEET_TZ=Asia/Tokyo", "GF_SMTP_HOST=mail", "PGHOST=", "HOME=/root", "GLUE_DEMO=1"),
        *("INFLUXDB_URL=http://h:8086/", "DATABASE_URL=postgres://db:5433/r"),
        *("TONYPI_HOME=/srv", "INFLUXDB_RETENTION_DAYS=90"),
    }
    assert settings.kept(dict(pair.split("=", 1) for pair in given)) == {
        **{"FLEET_TZ": "Asia/Tokyo", "GF_SMTP_HOST": "mail", "INFLUXDB_URL": "http://h:8086"},
        **{"PGHOST": "db", "PGPORT": "5433", "PGDATABASE": "r", "DATABASE_URL": "postgresql://"},
    }


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PGPASSWORD": "two\nlines"}, "PGPASSWORD: it has a control character"),
        ({"INFLUXDB_TOKEN": "u:two words"}, "INFLUXDB_TOKEN"),
        ({"INFLUXDB_GRAFANA_TOKEN": "a:b:c"}, "INFLUXDB_GRAFANA_TOKEN"),
        ({"GLUE_WEBHOOK_SECRET": "sécret"}, "GLUE_WEBHOOK_SECRET"),
        ({"GF_SECURITY_ADMIN_PASSWORD": "Pa${word}"}, "GF_SECURITY_ADMIN_PASSWORD"),
        ({"GF_SECURITY_ADMIN_PASSWORD": "$__file{/x}"}, "GF_SECURITY_ADMIN_PASSWORD"),
        ({"GRAFANA_OAUTH_CLIENT_SECRET": "a$__env{X}"}, "GRAFANA_OAUTH_CLIENT_SECRET"),
        ({"GF_DATABASE_PASSWORD": "two words"}, "GF_DATABASE_PASSWORD"),
        ({"MQTT_USERNAME": "a:b"}, "MQTT_USERNAME"),
        ({"PGPORT": "many"}, "PGPORT"),
        ({"PGPORT": "70000"}, "PGPORT"),
        ({"FLEET_TZ": "Mars/Base"}, "Europe/Berlin"),
        ({"FLEET_ROBOT_TZ": "{"}, "FLEET_ROBOT_TZ: not JSON"),
        ({"FLEET_REGISTRATION": "maybe"}, "automatic"),
        ({"PGPASSWORD_FILE": "/nowhere"}, "PGPASSWORD_FILE"),
        ({"FLEET_SILENT_AFTER": "-1"}, "FLEET_SILENT_AFTER"),
    ],
)
def test_an_unusable_setting_is_named(environ, named, elsewhere):
    with pytest.raises(SettingsError, match=named):
        load({"TONYPI_HOME": str(elsewhere)} | environ)


def test_an_empty_variable_is_not_set_but_an_empty_grafana_url_means_none(elsewhere):
    made = load({"TONYPI_HOME": str(elsewhere), "PGHOST": "", "GRAFANA_URL": ""})
    assert made.postgres.host == "127.0.0.1"
    assert made.grafana.url == ""


def test_no_network_is_denied_where_the_setting_says_none(elsewhere):
    for value, are_denied in (("none", False), ("", True), ("10.0.0.0/8", True)):
        made = load({"TONYPI_HOME": str(elsewhere), "NOTIFY_DENIED_NETWORKS": value})
        assert bool(made.notify.denied) is are_denied, value


def test_every_setting_has_a_reason_and_a_name_of_its_own():
    names = [
        str(field.validation_alias)
        for group in settings.GROUPS.values()
        for field in group.model_fields.values()
    ]
    assert len(names) == len(set(names))
    for group in settings.GROUPS.values():
        for field in group.model_fields.values():
            assert field.description, f"{field.validation_alias} has no reason"


def test_the_configuration_page_is_up_to_date():
    page = (settings.PROJECT / "docs" / "configuration.md").read_text()
    assert page == settings_page(), "run `tonypi docs settings`"
