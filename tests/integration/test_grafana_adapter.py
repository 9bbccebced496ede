"""The Grafana adapter against a real Grafana; what goes over the wire is as it was written down.

``RECORD_GRAFANA=1`` writes it down anew: only from 11.0.0, the oldest that we know.
"""

from __future__ import annotations

import os

import pytest

from glue.grafana import Grafana, GrafanaDenied
from glue.settings import Settings
from glue.stack import probe
from tests import grafana_contract, grafana_tape, programs

RECORDED = "11.0.0"
Tapes = dict[str, list[grafana_tape.Exchange]]
RECORD = bool(os.environ.get("RECORD_GRAFANA"))


@pytest.fixture(scope="module")
def empty(ground, postgres, influx) -> Settings:
    """A Grafana of its own with the files of the contract; nobody has touched it."""
    if ground.programs.grafana() is None:
        pytest.skip("no Grafana on this machine (GRAFANA_HOME, tools cache, PATH)")
    postgres.execute("CREATE DATABASE grafana_contract OWNER grafana")
    settings = ground.settings(GRAFANA_URL=f"http://127.0.0.1:{probe.free_port()}")
    checkout = grafana_tape.FOLDER / "checkout"
    env = {
        "GF_DATABASE_NAME": "grafana_contract",
        "GRAFANA_DASHBOARDS_DIR": str(checkout / "grafana" / "dashboards"),
    }
    programs.running_grafana(
        ground, settings, checkout / "provisioning", env=env, name="grafana-contract"
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
