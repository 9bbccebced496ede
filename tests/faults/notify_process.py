"""A process that notifies, to be killed: ``python -m tests.faults.notify_process``. Its settings
come from the environment."""

from __future__ import annotations

import asyncio

from glue import settings as config
from glue import store
from glue.changes import Changes
from glue.notify.worker import Worker


async def main() -> None:
    settings = config.load()
    changes = Changes(settings.postgres.dsn)
    async with store.open_pool(settings.postgres) as pool, asyncio.TaskGroup() as tasks:
        tasks.create_task(changes.run())
        tasks.create_task(Worker(settings, pool).run(changes))


if __name__ == "__main__":
    asyncio.run(main())
