"""The rules in a real, stock Grafana: provisioned, healthy, not to be edited by hand."""

import asyncio
import time

import httpx
import pytest

from glue.cli.rules import TARGET
from glue.core.grafana_alerts import read_state
from glue.core.limit_points import DATABASE, SENTINEL
from glue.core.provisioning import RULE_FOLDER, rules_file
from glue.core.rules import BY_UID as RULES_BY_UID
from glue.core.rules import RULES
from glue.grafana import Grafana, GrafanaError, GrafanaUnavailable
from glue.limit_writer import write_once
from glue.series import deletion


@pytest.fixture
def client(grafana):
    with httpx.Client(base_url=grafana.url, auth=grafana.auth, timeout=30) as client:
        yield client


def provisioned(client):
    return {rule["uid"]: rule for rule in client.get("/api/v1/provisioning/alert-rules").json()}


def test_the_provisioning_file_is_up_to_date():
    assert TARGET.read_text() == rules_file(), "run `tonypi rules render`"


def test_a_stock_grafana_starts_twice_with_our_provisioning(ground, grafana, client):
    before = provisioned(client)
    part, _ = ground.running["grafana"]
    ground.stop("grafana")
    ground.start(part)
    assert provisioned(client).keys() == before.keys() == {rule.uid for rule in RULES}
    folders = [f["title"] for f in client.get("/api/folders").json()]
    assert RULE_FOLDER in folders
    assert len(folders) == len(set(folders))


def test_each_rule_names_our_receiver_and_keeps_its_state_on_errors(client):
    for rule in provisioned(client).values():
        assert rule["notification_settings"]["receiver"] == "glue"
        assert (rule["execErrState"], rule["noDataState"]) == ("KeepLast", "OK")
        assert rule["annotations"]["__panelId__"]
        assert rule["for"] == f"{RULES_BY_UID[rule['uid']].pending:.0f}s", "expanded by Grafana"
    policy = client.get("/api/v1/provisioning/policies").json()
    assert policy["receiver"] == "grafana-default-email", "the user's policy tree is untouched"


def test_every_rule_is_evaluated_without_an_error(client):
    until = time.monotonic() + 60
    while True:
        groups = client.get("/api/prometheus/grafana/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        done = [r for r in rules if not r["lastEvaluation"].startswith("0001")]
        if len(done) == len(RULES):
            break
        assert time.monotonic() < until, f"{len(done)} of {len(RULES)} rules were evaluated"
        time.sleep(0.5)
    # With KeepLast a failing rule counts as healthy; only its instances say what happened.
    failing = {
        rule["name"]: alert["state"]
        for rule in rules
        for alert in rule.get("alerts") or []
        if "Error" in alert["state"]
    }
    assert failing == {}


async def test_a_rule_whose_limits_are_gone_counts_as_not_evaluated(grafana):
    await write_once(grafana.settings)
    adapter = Grafana(grafana.settings.grafana)
    limits = grafana.settings.influx.model_copy(update={"bucket": DATABASE})

    async def until_trouble_begins(text):
        end = time.monotonic() + 90
        while True:
            trouble = read_state(await adapter.rule_state()).trouble
            if trouble.startswith(text) and bool(text) == bool(trouble):
                return
            assert time.monotonic() < end, trouble
            await asyncio.sleep(1)

    try:
        await until_trouble_begins("")
        await deletion.forget(limits, SENTINEL)
        await until_trouble_begins("InfluxDB has no limits for ")
    finally:
        await write_once(grafana.settings)
        await adapter.close()


def test_a_rule_cannot_be_edited_by_hand(client):
    rule = provisioned(client)["tonypi-cpu-warning"]
    groups = client.get("/api/ruler/grafana/api/v1/rules").json()[RULE_FOLDER]
    body = {"name": groups[0]["name"], "interval": "10s", "rules": []}
    answer = client.post(f"/api/ruler/grafana/api/v1/rules/{rule['folderUID']}", json=body)
    assert answer.status_code >= 400
    assert client.delete("/api/v1/provisioning/alert-rules/tonypi-cpu-warning").status_code >= 400
    assert len(provisioned(client)) == len(RULES)


async def test_the_adapter_tells_away_from_refused(grafana):
    adapter = Grafana(grafana.settings.grafana)
    assert (await adapter.version()).startswith("1")
    assert (await adapter.rule_state())["status"] == "success"
    await adapter.close()
    wrong = grafana.settings.grafana.model_copy(update={"admin_user": "nobody"})
    adapter = Grafana(wrong)
    with pytest.raises(GrafanaError) as refused:
        await adapter.rule_state()
    assert not isinstance(refused.value, GrafanaUnavailable)
    await adapter.close()
    adapter = Grafana(wrong.model_copy(update={"url": "http://127.0.0.1:9"}))
    with pytest.raises(GrafanaUnavailable):
        await adapter.rule_state()
    await adapter.close()
