"""How the last compare with Grafana went, for the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from glue import store
from glue.store import grafana_objects, heartbeats

HEARTBEAT = "sync"


@dataclass(frozen=True)
class Report:
    """``at`` None: never compared. ``drift``: changes that the last go could not make,
    ``refused`` why.
    ``repairs``: newest first, (when, what)."""

    at: datetime | None
    error: str
    seconds: float
    requests: int
    writes: int
    drift: int
    refused: list[str]
    conflicts: list[str]
    leftovers: int
    others: list[str]
    repairs: list[tuple[datetime, str]]

    def as_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "at": self.at.isoformat() if self.at else None,
            "repairs": [{"at": at.isoformat(), "what": what} for at, what in self.repairs],
        }

    def lines(self) -> list[str]:
        """For a terminal: the summary, what stands in the way, the last repairs."""
        return [
            self.summary(),
            *(f"! {one}" for one in (*self.conflicts, *self.refused)),
            *(f"not ours, and may act in Grafana: {one}" for one in self.others),
            *([f"{self.leftovers} left over: tonypi sync apply --prune"] if self.leftovers else []),
            *self._repairs(),
        ]

    def summary(self) -> str:
        """One line."""
        if self.at is None:
            return "never compared: is the glue running, with a Grafana?"
        age = f"{(datetime.now(UTC) - self.at).total_seconds():.0f} s ago"
        if self.error:
            return f"failed {age}: {self.error}"
        state = f"{counted(self.drift, 'change')} not done" if self.drift else "in step"
        if self.conflicts:
            state = f"{state}, {counted(len(self.conflicts), 'conflict')}"
        figures = f"{counted(self.requests, 'request')}, {counted(self.writes, 'write')}"
        return f"{state}, compared {age} ({figures}, {self.seconds:.1f} s)"

    def _repairs(self) -> list[str]:
        return [f"{at:%Y-%m-%d %H:%M:%S} {what}" for at, what in self.repairs]


def counted(number: int, noun: str) -> str:
    """``1 write``, ``2 writes``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def read(pool: store.Pool, repairs: int) -> Report:
    """The report with the last ``repairs`` writes. Raises ``StoreUnavailable``."""
    async with store.transaction(pool) as conn:
        beat = (await heartbeats.read(conn)).get(HEARTBEAT)
        written = await grafana_objects.repairs(conn, repairs)
    return told(beat, written)


def told(beat: heartbeats.Heartbeat | None, repairs: list[tuple[datetime, str]]) -> Report:
    """What the reconciler's heartbeat says."""
    said = beat.details if beat else {}
    return Report(
        at=beat.at if beat else None,
        error=str(said.get("error") or ""),
        seconds=float(said.get("seconds") or 0),
        requests=int(said.get("requests") or 0),
        writes=int(said.get("writes") or 0),
        drift=int(said.get("drift") or 0),
        refused=list(said.get("refused") or ()),
        conflicts=list(said.get("conflicts") or ()),
        leftovers=int(said.get("leftovers") or 0),
        others=list(said.get("others") or ()),
        repairs=repairs,
    )
