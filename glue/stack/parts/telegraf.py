"""Telegraf: from the broker's persistent session into InfluxDB, by the generated configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from glue.environment import mentioned
from glue.stack import lan, users
from glue.stack.part import Part, Site


def part(site: Site, config: Path | None = None, env: Mapping[str, str] | None = None) -> Part:
    """The metric pipeline. ``config`` and ``env`` replace the shipped ones in tests."""
    data = site.data("telegraf")
    chosen = config or site.checkout / "telegraf" / "telegraf.conf"
    program = site.programs.need("telegraf")
    # One of the tests' own may write files anywhere.
    who = users.Choice() if config else users.choose("telegraf", [program])
    copy = data / "telegraf.conf"
    return Part(
        name="telegraf",
        command=(str(program), "--config", str(copy)),
        user=who.name,
        root_because=who.obstacle,
        # Its user need not reach the checkout.
        files={copy: chosen.read_text()},
        cwd=data,
        env={
            **mentioned(site.settings, [chosen]),
            **lan.login(site.settings, lan.TELEGRAF),
            **(env or {}),
        },
        folders=(data,),
        depends=("influxdb", "mosquitto"),
        stop_within=30,
    )
