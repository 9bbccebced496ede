"""The consumer of events as a process of its own, which a test can freeze and kill."""

from __future__ import annotations

import asyncio

from glue import settings, store
from glue.events import Consumer


async def main() -> None:
    loaded = settings.load()
    async with store.open_pool(loaded.postgres) as pool:
        await Consumer(loaded, pool).run()


if __name__ == "__main__":
    asyncio.run(main())
