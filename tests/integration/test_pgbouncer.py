"""Behind a real PgBouncer: session mode serves, the others are refused before anything is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from glue import store
from glue.settings import Postgres, SettingsError
from glue.stack import probe
from glue.store import changes, lock, migrations, pooler
from tests.native_stack import until

Behind = Callable[[str], Postgres]

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer on this machine (Debian's package of that name)"
)


@pytest.fixture
def behind(database: Postgres) -> Iterator[Behind]:
    """The test's database behind a PgBouncer of the mode that is asked for."""
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="tonypi-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)

        def start(mode: str) -> Postgres:
            port = probe.free_port()
            users, config = folder / "users", folder / "pgbouncer.ini"
            password = database.password.get_secret_value().replace('"', '""')
            users.write_text(f'"{database.user}" "{password}"\n')
            config.write_text(
                "[databases]\n"
                f"* = host={database.host} port={database.port}\n"
                "[pgbouncer]\n"
                f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
                f"auth_type = scram-sha-256\nauth_file = {users}\n"
                f"pool_mode = {mode}\ndefault_pool_size = 30\n"
                # It takes no other option of a start unless it is told to.
                "ignore_startup_parameters = extra_float_digits\n"
            )
            as_user = ("-u", "nobody") if os.geteuid() == 0 else ()
            assert PGBOUNCER is not None
            started.append(subprocess.Popen([PGBOUNCER, "-q", *as_user, str(config)]))
            assert until(lambda: probe.accepts("127.0.0.1", port), 10)
            return database.model_copy(update={"host": "127.0.0.1", "port": port})

        yield start
        for process in started:
            process.terminate()
            process.wait(10)


async def test_in_session_mode_everything_works(behind: Behind) -> None:
    through = behind("session")
    assert not migrations.upgrade(through.dsn).applied
    await asyncio.to_thread(pooler.check, through.dsn)
    async with store.open_pool(through) as pool:
        async with store.transaction(pool) as conn:
            row = await (await conn.execute("SHOW statement_timeout")).fetchone()
            assert row == ("30s",), "settings of a session are in force"
        # More often than psycopg prepares a statement after.
        for _ in range(8):
            async with store.transaction(pool) as conn:
                await conn.execute("SELECT count(*) FROM robots WHERE robot_id = %s", ["r1"])
        async with (
            lock.only_one(through.dsn, "one") as mine,
            lock.only_one(through.dsn, "one") as no,
        ):
            assert mine is not None and no is None
        async with aclosing(changes.heard(through.dsn)) as heard:
            assert await anext(heard) == [changes.ANYTHING]
            async with store.transaction(pool) as conn:
                await conn.execute("INSERT INTO robots (robot_id) VALUES ('r1')")
            async with asyncio.timeout(10):
                assert changes.Change("robots", "r1") in await anext(heard)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_other_modes_are_refused_by_name(mode: str, behind: Behind) -> None:
    through = behind(mode)
    for refused in (pooler.check, migrations.upgrade):
        with pytest.raises(SettingsError, match=r"PGHOST.*pool_mode = session") as error:
            refused(through.dsn)
        assert through.password.get_secret_value() not in str(error.value)


async def test_the_glue_does_not_serve_in_transaction_mode(
    behind: Behind, settings_for: Callable[..., object]
) -> None:
    from glue import service

    through = behind("transaction")
    settings = settings_for(PGDATABASE=through.database, PGPORT=str(through.port))
    with pytest.raises(SettingsError, match="pool_mode"):
        async with service.open_systems(settings):  # type: ignore[arg-type]
            pass


def test_postgresql_itself_is_no_pooler(database: Postgres) -> None:
    pooler.check(database.dsn)
