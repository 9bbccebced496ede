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


@pytest.mark.parametrize(
    ("environ", "named"),
    [
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
