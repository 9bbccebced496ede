"""Silences of Grafana's own Alertmanager."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from glue.core.silences import Matcher, Silence
from glue.grafana.client import Client
from glue.grafana.errors import GrafanaMissing

PATH = "/alertmanager/grafana/api/v2/silence"


class Silences(Client):
    """Calls about silences. Grafana keeps those that are over for days; here they are left out."""

    async def silences(self) -> list[Silence]:
        """Those that hold or are to come, the oldest first."""
        rows = await self.get(f"{PATH}s", list)
        found = [_silence(row) for row in rows if _state(row) in ("active", "pending")]
        return sorted(found, key=lambda one: (one.starts_at, one.comment, one.id))

    async def set_silence(self, silence: Silence) -> str:
        """Make it, or change the one of its id; the id by now. Grafana may end the one that is
        changed and make another."""
        made = await self.write("POST", f"{PATH}s", _body(silence))
        return str(made.get("silenceID") or made["id"])

    async def expire_silence(self, silence_id: str) -> None:
        """End it now. One that is gone is no error."""
        with contextlib.suppress(GrafanaMissing):
            await self.write("DELETE", f"{PATH}/{silence_id}")


def _body(silence: Silence) -> Mapping[str, Any]:
    body = {
        "matchers": [
            {"name": m.name, "value": m.value, "isRegex": m.is_regex, "isEqual": m.is_equal}
            for m in silence.matchers
        ],
        "startsAt": _text(silence.starts_at),
        "endsAt": _text(silence.ends_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    }
    return {**body, "id": silence.id} if silence.id else body


def _state(row: Mapping[str, Any]) -> str:
    return str((row.get("status") or {}).get("state"))


def _silence(row: Mapping[str, Any]) -> Silence:
    matchers = tuple(
        Matcher(
            str(one["name"]),
            str(one["value"]),
            bool(one.get("isRegex")),
            # Left out by servers of before there was one.
            one.get("isEqual") is not False,
        )
        for one in row.get("matchers") or []
    )
    return Silence(
        id=str(row["id"]),
        matchers=matchers,
        starts_at=datetime.fromisoformat(row["startsAt"]),
        ends_at=datetime.fromisoformat(row["endsAt"]),
        created_by=str(row.get("createdBy") or "somebody"),
        comment=str(row.get("comment") or ""),
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
