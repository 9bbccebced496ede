"""Everybody is told, whatever dies: ``python -m tests.bench.notifications [--alerts 1000]
[--crashes 20]``.

Real PostgreSQL, an HTTP and a mail server of this process, and a third target where nobody listens.
Alerts open, rise and end while the notifying process is killed (SIGKILL) again and again,
PostgreSQL too (SIGKILL, and started again), and the mail server is down for a while. Ends in a
ledger: attempted is what the outbox holds for the targets, which must be delivered or given up; a
message that a receiver has twice is a duplicate, of which a crash may cost one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from glue import store
from glue.stack.probe import free_port
from tests import notified, programs
from tests.faults.test_notification_faults import leases_run_out, process

AT_ONCE = 5
"""Episodes that begin together."""
METRICS = ("cpu", "memory", "temperature", "battery", "servo_temp")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--crashes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    ground = programs.lay_ground()
    try:
        cluster = programs.migrated_cluster(ground)
        database = cluster.create()
        with tempfile.TemporaryDirectory() as home:
            asyncio.run(Bench(ground, database, Path(home), asked).run())
    finally:
        ground.clear()


class Bench:
    def __init__(self, ground, database, home: Path, asked: argparse.Namespace) -> None:
        self.ground, self.database, self.home, self.asked = ground, database, home, asked
        self.rng = random.Random(asked.seed)
        self.transitions = 0
        self.crashes = Counter()
        self.robots = itertools.count()

    async def run(self) -> None:
        mail_port, began = free_port(), time.monotonic()
        async with store.open_pool(self.database) as pool:
            with notified.web() as web:
                # Kills shall come between the receiver's taking and our mark too.
                web.delay = 0.03
                box = notified.Mail(mail_port)
                targets = [
                    await notified.add_target(pool, "web", web.url),
                    await notified.add_target(pool, "mail", box.url),
                    await notified.add_target(pool, "nowhere", f"json://127.0.0.1:{free_port()}/"),
                ]
                await notified.add_route(pool, targets)
                await self.turns(pool, mail_port, box, web)
                with notified.mail(mail_port, box), process(self.database, self.home):
                    await notified.until(lambda: settled(pool), 900)
                await self.ledger(pool, web, box, time.monotonic() - began)

    async def turns(self, pool, mail_port: int, box: notified.Mail, web: notified.Web) -> None:
        """One life of the notifying process each; every fourth ends with PostgreSQL's."""
        each = self.asked.alerts // self.asked.crashes
        for turn in range(self.asked.crashes):
            down = turn % 5 == 2  # nobody takes mail meanwhile
            mail = contextlib.nullcontext() if down else notified.mail(mail_port, box)
            with mail, process(self.database, self.home):
                seen = len(web.got)
                await self.begin(pool, turn, 1)
                await notified.until(lambda seen=seen: len(web.got) > seen, 60)
                await self.episodes(pool, turn, each)
                await asyncio.sleep(self.rng.uniform(0, 0.3))
                if turn % 4 == 3:
                    self.crashes["postgres"] += 1
                    part, running = self.ground.running["postgres"]
                    running.kill()
                    running.wait()
                    self.ground.start(part)
            self.crashes["notifier"] += 1
            await notified.until(lambda: there(pool), 60)
            await leases_run_out(pool)
            print(f"  turn {turn + 1} of {self.asked.crashes}", flush=True)

    async def episodes(self, pool, turn: int, count: int) -> None:
        for first in range(1, count, AT_ONCE):
            await self.begin(pool, turn, min(AT_ONCE, count - first))
            await asyncio.sleep(self.rng.uniform(0, 0.2))

    async def begin(self, pool, turn: int, count: int) -> None:
        """Some episodes of one metric; some become worse, most end."""
        episodes = notified.Episodes(pool)
        names = [f"t{turn}r{next(self.robots)}" for _ in range(count)]
        ids = await episodes.open(*names, metric=self.rng.choice(METRICS))
        self.transitions += len(ids)
        if self.rng.random() < 0.4:
            await episodes.raise_(ids[0])
            self.transitions += 1
        over = [one for one in ids if self.rng.random() < 0.7]
        if over:
            await episodes.resolve(*over)
            self.transitions += len(over)

    async def ledger(self, pool, web, box, seconds: float) -> None:
        rows = await states(pool)
        messages = await sent(pool)
        got = {"web": len(web.got), "mail": len(box.got)}
        twice = {name: got[name] - messages[name] for name in got}
        crashes = sum(self.crashes.values())
        attempted = sum(rows.values())
        done = rows["delivered"] + rows["given up"]
        print(f"{self.transitions} transitions, 3 targets, {dict(self.crashes)}, {seconds:.0f} s")
        print(f"rows: attempted {attempted} = {dict(rows)}; messages received {got}")
        print(
            f"ledger: ok {done}, lost {attempted - done + 3 * await waiting(pool)},"
            f" duplicate {sum(twice.values())} ({crashes} crashes),"
            f" unexpected {sum(-n for n in twice.values() if n < 0)}"
        )


async def there(pool) -> bool:
    try:
        await states(pool)
    except store.StoreUnavailable:
        return False
    return True


async def settled(pool) -> bool:
    try:
        rows = await states(pool)
        return not await waiting(pool) and not rows["queued"] and not rows["leased"]
    except store.StoreUnavailable:
        return False


async def states(pool) -> Counter:
    """Rows by state; what was never told since its beginning was given up counts as given up."""
    found = await _rows(
        pool,
        "SELECT replace(state, 'suppressed', 'given up'), count(*) FROM notification_outbox"
        " GROUP BY 1",
    )
    return Counter(dict(found))


async def sent(pool) -> Counter:
    found = await _rows(
        pool,
        "SELECT target_name, count(DISTINCT batch) FROM notification_outbox"
        " WHERE state = 'delivered' GROUP BY 1",
    )
    return Counter(dict(found))


async def waiting(pool) -> int:
    ((count,),) = await _rows(pool, "SELECT count(*) FROM notification_waiting")
    return count


async def _rows(pool, query: str) -> list:
    async with store.transaction(pool) as conn:
        return await (await conn.execute(query)).fetchall()


if __name__ == "__main__":
    main()
