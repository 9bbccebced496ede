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
    repairs: list[tuple[datetime, str]]

    def as_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "at": self.at.isoformat() if self.at else None,
            "repairs": [{"at": at.isoformat(), "what": what} for at, what in self.repairs],
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        if self.at is None:
            return ["never compared: is the glue running, with a Grafana?"]
        age = (datetime.now(UTC) - self.at).total_seconds()
        if self.error:
            return [f"failed {age:.0f} s ago: {self.error}", *self._repairs()]
        state = f"{self.drift} changes not done" if self.drift else "in step"
        figures = f"{self.requests} requests, {self.writes} writes, {self.seconds:.1f} s"
        return [
            f"{state}, compared {age:.0f} s ago ({figures})",
            *(f"! {one}" for one in (*self.conflicts, *self.refused)),
            *([f"{self.leftovers} left over: tonypi sync apply --prune"] if self.leftovers else []),
            *self._repairs(),
        ]

    def _repairs(self) -> list[str]:
        return [f"{at:%Y-%m-%d %H:%M:%S} {what}" for at, what in self.repairs]


async def read(pool: store.Pool, repairs: int) -> Report:
    """The report with the last ``repairs`` writes. Raises ``StoreUnavailable``."""
    async with store.transaction(pool) as conn:
        beat = (await heartbeats.read(conn)).get(HEARTBEAT)
        written = await grafana_objects.repairs(conn, repairs)
    told = beat.details if beat else {}
    return Report(
        at=beat.at if beat else None,
        error=str(told.get("error") or ""),
        seconds=float(told.get("seconds") or 0),
        requests=int(told.get("requests") or 0),
        writes=int(told.get("writes") or 0),
        drift=int(told.get("drift") or 0),
        refused=list(told.get("refused") or ()),
        conflicts=list(told.get("conflicts") or ()),
        leftovers=int(told.get("leftovers") or 0),
        repairs=written,
    )
