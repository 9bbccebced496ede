"""A process that makes reports, to be killed: ``python -m tests.faults.report_process``. Its
settings come from the environment."""

from __future__ import annotations

import asyncio
import signal

from glue import settings as config
from glue import store
from glue.reports.worker import Worker


async def main() -> None:
    settings = config.load()
    async with store.open_pool(settings.postgres) as pool:
        work = asyncio.create_task(Worker(settings, pool).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        await asyncio.gather(work, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
