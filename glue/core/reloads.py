"""Which reloads of Grafana's files are worth another try.

Some differences no reload mends: Grafana reads other files than we do. So one that was done and
left the very same differences is not done again for a while, and each time for longer; the first
time only shortly, since somebody may have done the same damage again before we looked. What was not
done counts for nothing, and what is in step again is forgotten: when it goes wrong once more, that
is news.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from glue.core.grafana_change import Change

AGAIN_S = (10.0, 60.0, 300.0)
"""After the first reload in vain, the second, and any further one."""


class Reloads:
    """What was reloaded for which differences; times are seconds of one clock."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[str, float, int]] = {}

    def worth(self, changes: Iterable[Change], now: float) -> list[Change]:
        """``changes`` without reloads that were done for the same differences, in vain."""
        return [one for one in changes if one.kind != "files" or not self._in_vain(one, now)]

    def looked(self, kinds: Collection[str], changes: Iterable[Change]) -> None:
        """Of ``kinds`` of files, forget those that do not differ any more."""
        differ = {one.name for one in changes if one.kind == "files"}
        for kind in set(kinds) - differ:
            self._done.pop(kind, None)

    def done(self, change: Change, now: float) -> None:
        """Grafana has answered that it read its files again."""
        if change.verb == "reload":
            digest, _, times = self._done.get(change.name, ("", 0.0, 0))
            again = times + 1 if digest == change.digest else 1
            self._done[change.name] = (change.digest, now, again)

    def _in_vain(self, change: Change, now: float) -> bool:
        if change.name not in self._done:
            return False
        digest, at, times = self._done[change.name]
        return digest == change.digest and now - at < AGAIN_S[min(times, len(AGAIN_S)) - 1]
