"""The keys that sign tokens: shared, changed every 90 days, made anew for another secret."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from glue.api.app import create_app
from tests.conftest import SettingsFor
from tests.oidc import SignOn, asgi


async def test_services_and_restarts_share_their_keys(sign_on: SignOn) -> None:
    others = [create_app(sign_on.api.settings, sign_on.api.pool) for _ in range(4)]

    async def published(app: Any) -> list[str]:
        async with asgi(app) as client:
            return [key["kid"] for key in (await client.get("/oauth/jwks")).json()["keys"]]

    found = await asyncio.gather(*(published(app) for app in others))
    assert len(found[0]) == 1 and all(kids == found[0] for kids in found)
    given = (await sign_on.exchange(await sign_on.code())).json()
    async with asgi(others[0]) as other:
        elsewhere = SignOn(sign_on.api, other, other)
        assert (await elsewhere.userinfo(given["access_token"])).status_code == 200


async def test_a_key_signs_for_90_days_and_is_known_until_its_last_token_is_over(
    sign_on: SignOn,
) -> None:
    old = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
    await sign_on.api.rows("UPDATE oidc_keys SET made_at = now() - interval '90 days'")
    new = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
    assert signer(new) != signer(old)
    for token in (old, new):
        assert (await sign_on.userinfo(token)).status_code == 200
    keys = (await sign_on.server.get("/oauth/jwks")).json()["keys"]
    assert [key["kid"] for key in keys] == [signer(new), signer(old)]
    assert not any(set(key) & {"d", "p", "q", "dp", "dq", "qi"} for key in keys)
    await sign_on.api.rows("UPDATE oidc_keys SET made_at = made_at - interval '91 days'")
    newest = (await sign_on.exchange(await sign_on.code())).json()["access_token"]
    keys = (await sign_on.server.get("/oauth/jwks")).json()["keys"]
    assert [key["kid"] for key in keys] == [signer(newest), signer(new)]


async def test_another_secret_makes_another_key(sign_on: SignOn, settings_for: SettingsFor) -> None:
    await sign_on.server.get("/oauth/jwks")
    settings = settings_for(
        PGDATABASE=sign_on.api.settings.postgres.database, GLUE_JWT_SECRET="y" * 40
    )
    async with asgi(create_app(settings, sign_on.api.pool)) as other:
        assert len((await other.get("/oauth/jwks")).json()["keys"]) == 2
        assert len((await other.get("/oauth/jwks")).json()["keys"]) == 2
    assert len((await sign_on.server.get("/oauth/jwks")).json()["keys"]) == 2


def signer(token: str) -> str:
    head = token.split(".", maxsplit=1)[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
