"""Golden folders of the metric pipeline: payloads in (``in.txt``), line protocol out (``out.lp``).

``in.txt`` has one message a line, topic and payload, with ``#`` comments and these words:
``$LOCAL(s)`` ``$SPACED(s)`` ``$ZONED(s zone)`` ``$AUTUMN(s)`` ``$UTC(s)`` ``$EPOCH(s)``
``$EPOCH_MS(s)`` (the instant ``s`` seconds from the start of the run, as the fleet's, a zone's …
clock shows it), ``$REPEAT(text n)`` and ``$HEX(bytes)``. ``out.lp`` has ``T-5`` for such an
instant, ``ARRIVAL`` for the time of arrival, and offsets of clocks and lags rounded to ten seconds.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

FOLDER = Path(__file__).parent / "integration" / "golden"
FLEET_ZONE = "Europe/Berlin"
AUTUMN_ZONE = "Test/Autumn"
FRACTION_US = 123456
"""Robots' times have these microseconds, which tells them from times of arrival."""

_WORD = re.compile(r"\$([A-Z_]+)\(([^)]*)\)")


@dataclass(frozen=True)
class Run:
    """One run of all cases: ``start`` is a whole second."""

    start: datetime

    def messages(self, case: Path) -> Iterator[tuple[str, bytes]]:
        for line in (case / "in.txt").read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                topic, _, payload = line.partition(" ")
                yield topic, self._spelled(payload)

    def marker(self, case: Path) -> tuple[str, bytes]:
        """A message after the case's own, whose point ends the case's part of the output."""
        body = '{"sensor_type": "%s", "value": 1.0, "timestamp": "%s"}'
        return "tonypi/sensors/marker", (body % (case.name, self._time("UTC", "0") + "Z")).encode()

    def _spelled(self, payload: str) -> bytes:
        if found := re.fullmatch(r"\$HEX\((\w+)\)", payload):
            return bytes.fromhex(found[1])
        return _WORD.sub(lambda m: self._time(m[1], m[2]), payload).encode()

    def _time(self, word: str, said: str) -> str:
        if word == "REPEAT":
            text, _, times = said.rpartition(" ")
            return text * int(times)
        seconds, _, zone = said.partition(" ")
        at = self.start + timedelta(seconds=int(seconds), microseconds=FRACTION_US)
        if word == "EPOCH":
            return f"{at.timestamp():.6f}"
        if word == "EPOCH_MS":
            return f"{at.timestamp() * 1000:.3f}"
        zones = {
            "UTC": UTC,
            "LOCAL": ZoneInfo(FLEET_ZONE),
            "SPACED": ZoneInfo(FLEET_ZONE),
            "AUTUMN": timezone(timedelta(hours=1)),
        }
        shown = at.astimezone(ZoneInfo(zone) if word == "ZONED" else zones[word])
        return shown.replace(tzinfo=None).isoformat(" " if word == "SPACED" else "T")

    def parts(self, lines: list[str]) -> dict[str, list[str]]:
        """Output of each case, normalised, by its folder's name."""
        found: dict[str, list[str]] = {}
        current: list[str] = []
        for line in lines:
            if line.startswith("sensors,robot_id=marker,sensor_type="):
                name = line.removeprefix("sensors,robot_id=marker,sensor_type=").split(" ")[0]
                found[name], current = current, []
            elif not line.startswith(("internal", "broker,")):
                current.append(self._normal(line))
        return found

    def _normal(self, line: str) -> str:
        body, _, stamp = line.rpartition(" ")
        body = re.sub(
            r"(offset_s|lag_s)=(-?[\d.e+-]+)",
            lambda m: f"{m[1]}=~{round(float(m[2]) / 10) * 10}",
            body,
        )
        off_us = int(stamp) / 1000 - self.start.timestamp() * 1e6 - FRACTION_US
        seconds = round(off_us / 1e6)
        exact = abs(off_us - seconds * 1e6) < 2
        return f"{body} {f'T{seconds:+d}' if exact else self._arrival(off_us)}"

    def _arrival(self, off_us: float) -> str:
        return "ARRIVAL" if -1e6 < off_us < 120e6 else f"ELSEWHEN({off_us / 1e6:.1f}s)"


def cases() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.is_dir())


def autumn_zone(folder: Path, change: datetime) -> None:
    """Write a zone that goes from UTC+2 to UTC+1 at ``change`` (RFC 8536, version 2)."""
    kinds = struct.pack(">lbb", 7200, 1, 0) + struct.pack(">lbb", 3600, 0, 5)
    names = b"SUMM\0WINT\0"

    def block(width: str) -> bytes:
        at = int(change.timestamp())
        counts = struct.pack(">6l", 0, 0, 0, 2, 2, len(names))
        # An early change to summer time, so that all before the autumn is summer.
        moments = struct.pack(f">2{width}", at - 100 * 86400, at) + bytes([0, 1])
        return b"TZif2" + bytes(15) + counts + moments + kinds + names

    target = folder / AUTUMN_ZONE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(block("l") + block("q") + b"\n\n")
