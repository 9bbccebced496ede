"""The Grafana adapter against a real Grafana; what goes over the wire is as it was written down.

``RECORD_GRAFANA=1`` writes it down anew: only from 11.0.0, the oldest that we know.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from glue.core.grafana_state import Account
from glue.grafana import Grafana, GrafanaDenied, GrafanaError
from glue.settings import Settings
from glue.stack import probe
from tests import grafana_contract, grafana_tape, programs

RECORDED = "11.0.0"
Tapes = dict[str, list[grafana_tape.Exchange]]
RECORD = bool(os.environ.get("RECORD_GRAFANA"))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The contract's files, for this Grafana alone."""
    copied = tmp_path_factory.mktemp("contract") / "checkout"
    shutil.copytree(grafana_tape.FOLDER / "checkout", copied)
    return copied


@pytest.fixture(scope="module")
def empty(ground, postgres, influx, files) -> Iterator[Settings]:
    """A Grafana of its own with the files of the contract; nobody has touched it."""
    if ground.programs.grafana() is None:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    postgres.execute("CREATE DATABASE grafana_contract OWNER grafana")
    settings = ground.settings(GRAFANA_URL=f"http://127.0.0.1:{probe.free_port()}")
    env = {
        "GF_DATABASE_NAME": "grafana_contract",
        "GRAFANA_DASHBOARDS_DIR": str(files / "grafana" / "dashboards"),
    }
    programs.running_grafana(
        ground, settings, files / "provisioning", env=env, name="grafana-contract"
    )
    yield settings
    ground.stop("grafana-contract")


async def test_each_call_does_what_was_written_down(empty: Settings):
    grafana = grafana_tape.adapter(empty.grafana)
    version = await grafana.version()
    wrong = []
    for chapter, steps in grafana_contract.STORY.items():
        tapes = {}
        for step in steps:
            with grafana_tape.recording(grafana) as tapes[step.name]:
                wrong += await grafana_contract.play(step, grafana)
        if RECORD and version == RECORDED:
            grafana_tape.write(chapter, tapes)
        wrong += _differing(tapes, grafana_tape.read(chapter), answers=version == RECORDED)
    await grafana.close()
    assert wrong == [], "\n".join(wrong)


def _differing(seen: Tapes, told: Tapes, answers: bool) -> list[str]:
    """Requests that are others than was written down; ``answers``: those too."""
    found = []
    for name in {**seen, **told}:
        one, other = seen.get(name), told.get(name)
        if not answers:
            one, other = ([x["request"] for x in tape or []] for tape in (one, other))
        if one != other:
            found.append(f"{name}: {one} instead of {other}")
    return found


async def test_a_wrong_password_says_which_setting(empty: Settings):
    grafana = Grafana(empty.grafana.model_copy(update={"admin_user": "nobody"}))
    with pytest.raises(GrafanaDenied, match="GF_SECURITY_ADMIN_PASSWORD"):
        await grafana.accounts()
    await grafana.close()


# What Grafana's own provisioning does, on which the order of the reconciler's writes rests.


@pytest_asyncio.fixture
async def direct(empty: Settings) -> AsyncIterator[Grafana]:
    grafana = grafana_tape.adapter(empty.grafana)
    yield grafana
    await grafana.close()


async def test_a_folder_of_dashboards_stays_renamed_through_a_reload(direct: Grafana):
    await direct.rename_folder("robots", "By hand")
    await direct.reload("dashboards")
    folder = (await direct.folders(["robots"]))["robots"]
    assert folder.title == "By hand"
    await direct.rename_folder("robots", "Robots")


async def test_a_renamed_folder_of_rules_is_made_again_unless_it_is_named_back(direct: Grafana):
    ours = await direct.rule_folder("hot")
    await direct.rename_folder(ours, "By hand")
    await direct.rename_folder(ours, "Rules")
    await direct.reload("alerting")
    assert await direct.rule_folder("hot") == ours
    await direct.rename_folder(ours, "By hand")
    await direct.reload("alerting")
    assert await direct.rule_folder("hot") == await direct.folder_uid("Rules") != ours


async def test_what_vanished_from_its_file_stays(direct: Grafana, files: Path):
    rules = files / "provisioning" / "alerting" / "rules.yml"
    told = rules.read_text()
    rules.write_text(told[: told.index("groups:")])
    dashboard = files / "grafana" / "dashboards" / "fleet.json"
    kept = dashboard.read_text()
    dashboard.unlink()
    await direct.reload("alerting")
    await direct.reload("dashboards")
    assert list(await direct.defined("alerting", ["rule hot"])) == ["rule hot"]
    assert list(await direct.defined("dashboards", ["fleet"])) == ["fleet"]
    rules.write_text(told)
    dashboard.write_text(kept)
    # Meanwhile it was like one that was made by hand: whoever may write in the folder changes it.
    await direct.reload("dashboards")


async def test_files_that_cannot_be_read_are_told(direct: Grafana, files: Path):
    rules = files / "provisioning" / "alerting" / "rules.yml"
    told = rules.read_text()
    rules.write_text("groups: [")
    with pytest.raises(GrafanaError, match="its log says why"):
        await direct.reload("alerting")
    rules.write_text(told)
    await direct.reload("alerting")


async def test_an_admin_of_the_organisation_may_delete_our_folders_but_a_reload_heals(
    empty: Settings, direct: Grafana
):
    await direct.create_account(Account("boss", "boss@example.org", "Boss", "Admin"))
    boss_id = (await direct.accounts())["boss"].id
    await direct.write("PUT", f"/admin/users/{boss_id}/password", {"password": "boss's own"})
    boss = grafana_tape.adapter(
        empty.grafana.model_copy(
            update={"admin_user": "boss", "admin_password": SecretStr("boss's own")}
        )
    )
    for method, path in (
        ("DELETE", "/dashboards/uid/fleet"),
        ("DELETE", "/datasources/uid/series"),
        ("DELETE", "/v1/provisioning/alert-rules/hot"),
        ("DELETE", "/v1/provisioning/contact-points/tonypi-glue"),
        ("POST", "/admin/provisioning/dashboards/reload"),
    ):
        with pytest.raises(GrafanaError):
            await boss.write(method, path)
    rules = await boss.rule_folder("hot")
    await boss.write("DELETE", f"/folders/{rules}?forceDeleteRules=true")
    await boss.write("DELETE", "/folders/robots")
    await boss.close()
    assert await direct.defined("alerting", ["rule hot"]) == {}
    await direct.reload("alerting")
    await direct.reload("dashboards")
    assert list(await direct.defined("alerting", ["rule hot"])) == ["rule hot"]
    assert list(await direct.defined("dashboards", ["fleet"])) == ["fleet"]
    await direct.delete_account(boss_id)
