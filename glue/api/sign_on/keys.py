"""The keys that tokens for Grafana are signed with: shared by all services of one database.

The newest signs, for 90 days; then whoever signs next makes another. One that is replaced stays
published until the last token that it signed is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import RSAKey

from glue import store
from glue.core import signing
from glue.core.signing import SigningKey
from glue.store import oidc

SIGNS = 90 * 86400.0
"""Seconds."""


class Keyring:
    """``secret`` seals the private halves; ``lives`` is the longest life of a token, in seconds."""

    def __init__(self, pool: store.Pool, secret: str, lives: float) -> None:
        self._pool = pool
        self._secret = secret
        self._kept = lives + 86400
        self._opened: dict[str, RSAKey] = {}

    async def sign(self, *tokens: tuple[str, Mapping[str, Any]]) -> list[str]:
        """Tokens of these kinds and claims, by the key that signs now.

        Raises ``StoreUnavailable``.
        """
        key = await self._signer()
        return await asyncio.to_thread(lambda: [signing.sign(c, key, kind) for kind, c in tokens])

    async def published(self) -> list[SigningKey]:
        """All keys whose tokens may be in force, made when there is none yet.

        Raises ``StoreUnavailable``.
        """
        await self._signer()
        async with store.transaction(self._pool) as conn:
            return [known.key for known in await oidc.keys(conn, SIGNS)]

    async def _signer(self) -> RSAKey:
        async with store.transaction(self._pool) as conn:
            if key := self._young(await oidc.keys(conn, SIGNS)):
                return key
            await oidc.only_one_makes_a_key(conn)
            if key := self._young(await oidc.keys(conn, SIGNS)):
                return key
            made = await asyncio.to_thread(signing.make_key, self._secret)
            await oidc.add_key(conn, made, self._kept)
            return signing.opened(made, self._secret)

    def _young(self, keys: list[oidc.Key]) -> RSAKey | None:
        return next((k for known in keys if known.signs and (k := self._open(known.key))), None)

    def _open(self, key: SigningKey) -> RSAKey | None:
        """None for one that another GLUE_JWT_SECRET sealed: it was changed, and so is the key."""
        if key.kid not in self._opened:
            try:
                self._opened[key.kid] = signing.opened(key, self._secret)
            except signing.SealedOtherwise:
                return None
        return self._opened[key.kid]
