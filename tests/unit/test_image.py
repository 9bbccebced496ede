"""The glue's image: what it installs and what goes into it."""

from __future__ import annotations

import fnmatch
import re
import tomllib

import pytest

from glue.settings import PROJECT
from glue.stack.runtime_lock import normal, runtime_lock

DIRECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
LOCK = (PROJECT / "requirements.lock").read_text()


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


def test_it_installs_what_runs_and_nothing_that_only_develops():
    installed = names(runtime_lock(LOCK, DIRECT["dependencies"]))
    assert installed >= {normal(requirement) for requirement in DIRECT["dependencies"]}
    assert {"starlette", "psycopg-binary", "pydantic-core", "anyio"} <= installed
    only_dev = {normal(r) for r in DIRECT["optional-dependencies"]["dev"]}
    assert installed & only_dev == set()
    assert installed < names(LOCK)


def test_every_package_keeps_its_version_and_its_hashes():
    for entry in re.split(r"\n(?=[a-z])", runtime_lock(LOCK, DIRECT["dependencies"])):
        if re.match(r"[a-z]", entry):
            assert "--hash=sha256:" in entry, entry
            assert entry.splitlines()[0] in LOCK


def test_a_package_that_is_not_locked_is_named():
    with pytest.raises(ValueError, match=r"make lock.*not-there"):
        runtime_lock(LOCK, ["not_there>=1"])


def test_secrets_stay_out_and_what_the_code_reads_goes_in():
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "all is left out that is not named"
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    # What PROJECT / … is read at run time.
    assert kept >= {"glue", "postgres", "provisioning", "telegraf", "grafana/dashboards"}
    assert not [name for name in (".env", ".git", ".venv", "tests") if name in kept]
    left_out = [rule for rule in rules if not rule.startswith("!")]
    assert any(fnmatch.fnmatch("glue/.env", rule) for rule in left_out)
