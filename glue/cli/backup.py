"""``tonypi backup|restore``: everything that cannot be made again, in one file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from glue import settings as settings_module
from glue.backup import archive as archives
from glue.backup import create, secrets
from glue.backup import restore as restoring
from glue.backup.archive import ArchiveBroken
from glue.backup.manifest import Manifest, Unusable
from glue.backup.restore import RestoreFailed
from glue.environment import exported
from glue.series import SeriesError, admin
from glue.settings import Settings, SettingsError
from glue.stack import accounts, control, plan, probe, quiet
from glue.stack import home as homes
from glue.stack import secrets as stack_secrets
from glue.stack.home import Home, HomeUnusable
from glue.stack.install import InstallFailed
from glue.stack.process import StartFailed
from glue.stack.programs import ProgramMissing, Programs, postgres_major
from glue.stack.progress import Progress
from glue.store import StoreError, dump, migrations

FAILED = 1
UNUSABLE = 2
DECLINED = 3
PIPE = Path("-")
"""Into and out of a container, where the owner of a file outside is somebody else."""

SIGNATURES = {
    "ours": "of this stack",
    "none": "none (an older release); --unverified restores it",
    "other": "of another stack, or the file was changed; --unverified restores it",
    "no key": "cannot be compared, for there is no stack here yet",
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; progress goes to stderr.")]


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


@dataclass(frozen=True)
class _Place:
    """What is saved or restored: a home of ours, or systems elsewhere (``home`` is None)."""

    settings: Settings
    home: Home | None
    progress: Progress

    @property
    def environment(self) -> dict[str, str]:
        """What an archive keeps of the secrets and ports."""
        if self.home:
            return stack_secrets.read(self.home.path)
        names = (*stack_secrets.GENERATED, *stack_secrets.INFLUX_ACCOUNTS, *secrets.PORTS)
        return {n: v for n, v in exported(self.settings).items() if n in names}

    @property
    def programs(self) -> Programs:
        return Programs(grafana_home=self.settings.grafana.home)


def backup(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="Folder, or file ending in .tar, or - for standard output. "
            "Else backups/ in TONYPI_HOME.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would hold.")] = False,
    as_json: AsJson = False,
) -> None:
    """Save databases, series and secrets to one file, while everything runs.

    Exit codes: 0 saved and read back, 1 failed (no file is left), 2 settings unusable or no stack.
    """
    with _told("backup"):
        piped = to == PIPE
        place = _place(as_json or piped)
        folder = place.settings.stack.home / "backups"
        path = create.target(folder if piped or to is None else to, datetime.now(UTC))
        if place.home and not quiet.is_made(place.home):
            raise HomeUnusable(
                f"no stack was ever started in {place.home.path}; set TONYPI_HOME, or with Docker: "
                "docker compose exec -T glue tonypi backup --to - > FILE"
            )
        with _databases(place):
            tools = quiet.dump_tools(place.programs, dump.server_major(place.settings.postgres.dsn))
            if dry_run:
                found = create.look(place.settings, place.environment, path.parent)
                _show_contents(found, path, as_json)
                return
            began = time.monotonic()
            made = create.create(place.settings, tools, place.environment, path, place.progress)
        if piped:
            _pour(path)
        else:
            _show_backup(made, path, time.monotonic() - began, as_json)


def restore(
    file: Annotated[
        Path, typer.Argument(help="An archive of `tonypi backup`; - for standard input.")
    ],
    plan_only: Annotated[bool, typer.Option("--plan", help="Check and show; do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Also a file that this stack has not signed."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup back in place of what is here. A native stack is stopped and started again.

    Exit codes: 0 restored (or planned), 1 failed (the databases are as before), 2 settings or
    archive unusable, 3 not confirmed.
    """
    with _told("restore"), _file(file) as path:
        place = _place(as_json)
        began = time.monotonic()
        server = _server(place)
        manifest = restoring.check(path, place.settings, server, place.progress)
        if server:
            quiet.dump_tools(place.programs, server)
        kept = restoring.kept_secrets(path)
        signature = _check_signature(place, path, unverified or plan_only)
        facts = {**_plan(place, manifest, path), "signature": signature}
        _show_plan(facts, as_json and plan_only, place.progress)
        if plan_only:
            return
        if not yes and not _confirmed():
            raise typer.Exit(DECLINED)
        done = _restore_native(place, path, kept) if place.home else _restore_there(place, path)
        unlike = [] if place.home else secrets.unlike(exported(place.settings), kept)
        _show_restored(done, unlike, time.monotonic() - began, as_json)


def _restore_native(place: _Place, file: Path, kept: Mapping[str, str]) -> restoring.Restored:
    home, progress = place.home, place.progress
    assert home is not None
    ran = control.stop(home, progress) if quiet.is_made(home) else False
    fresh = not quiet.is_made(home)
    if fresh:
        _begin_home(home, kept)
    for remark in homes.prepare(home, os.environ):
        progress.say(f"  – {remark}")
    control.install_missing(home.site(), progress)
    try:
        with quiet.databases_alone(home, progress):
            # Bucket, roles and the accounts' tokens, before there is anything to put into them.
            site = accounts.prepare(home, home.site())
            comes = {**secrets.merged(stack_secrets.read(home.path), kept)}
            server = dump.server_major(site.settings.postgres.admin_dsn)
            tools = quiet.dump_tools(site.programs, server)
            return restoring.restore(
                file, site.settings, tools, lambda: quiet.adopt(home, comes), progress
            )
    finally:
        if ran:
            control.start(home, os.environ)
            control.await_serving(home, plan.names(home.site()), progress)


def _check_signature(place: _Place, path: Path, unverified: bool) -> archives.Signature:
    """Whose the archive is. Raises :class:`Unusable` where it is not this stack's, unless
    ``unverified``; a stack that is not there yet can compare with nothing."""
    found = archives.signature(path, place.environment.get(archives.KEY, ""))
    if found in ("ours", "no key") or unverified:
        return found
    what = "carries no signature" if found == "none" else "was not signed by this stack"
    raise Unusable(
        f"{path} {what} ({archives.KEY}): it is of an older release or of another stack, or was "
        "changed. Restore it with --unverified if you know where it was since it was made"
    )


def _begin_home(home: Home, kept: Mapping[str, str]) -> None:
    home.path.mkdir(parents=True, exist_ok=True)
    ports = {n: int(kept[n].rpartition(":")[2]) for n in secrets.PORTS if n in kept}
    free = [n for n, port in ports.items() if not probe.accepts("127.0.0.1", port, 0.3)]
    stack_secrets.write(home.path, secrets.for_new_home(kept, free))


def _restore_there(place: _Place, file: Path) -> restoring.Restored:
    settings = place.settings

    def accounts_there() -> None:
        accounts.prepare_databases(settings)
        migrations.upgrade(settings.postgres.dsn)
        accounts.prepare_databases(settings)

    if connected := restoring.busy(settings):
        raise RestoreFailed(
            f"connected to the databases: {', '.join(connected)}; stop the glue and Grafana first "
            "(docker compose stop glue grafana telegraf)"
        )
    accounts.prepare_databases(settings)
    # A backup of the other InfluxDB has its administrator in the other form.
    token = SecretStr(admin.prepare(settings.influx).admin)
    influx = settings.influx.model_copy(update={"token": token})
    settings = settings.model_copy(update={"influx": influx})
    tools = quiet.dump_tools(place.programs, dump.server_major(settings.postgres.admin_dsn))
    return restoring.restore(file, settings, tools, accounts_there, place.progress)


def _place(as_json: bool) -> _Place:
    settings = settings_module.load()
    home = Home(settings.stack.home) if quiet.is_native(settings) else None
    return _Place(settings, home, Progress(sys.stderr if as_json else None))


def _server(place: _Place) -> int | None:
    """Major version of the PostgreSQL to restore into; None where none is installed yet."""
    if place.home is None:
        return dump.server_major(place.settings.postgres.admin_dsn)
    program = place.home.site().programs.find("postgres")
    return postgres_major(program) if program else None


def _databases(place: _Place) -> Any:
    if place.home is None or homes.is_running(place.home):
        return nullcontext()
    return quiet.databases_alone(place.home, place.progress)


def _pour(path: Path) -> None:
    with path.open("rb") as archive:
        shutil.copyfileobj(archive, sys.stdout.buffer)
    path.unlink()


@contextmanager
def _file(given: Path) -> Iterator[Path]:
    if given != PIPE:
        yield given
        return
    # To disk, because it is read twice: once to be sure of it, once to restore it.
    with tempfile.NamedTemporaryFile(prefix="tonypi-restore-", suffix=".tar") as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        yield Path(kept.name)


@contextmanager
def _told(command: str) -> Iterator[None]:
    """Errors as text and exit code; SIGTERM ends like Ctrl-C, with everything put away."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    except (SettingsError, HomeUnusable, Unusable) as error:
        typer.echo(f"tonypi {command}: {error}", err=True)
        raise typer.Exit(UNUSABLE) from None
    except BrokenPipeError:
        raise typer.Exit(FAILED) from None
    except (
        *(ArchiveBroken, RestoreFailed, StoreError, SeriesError),
        *(ProgramMissing, InstallFailed, StartFailed, control.UpFailed),
    ) as error:
        typer.echo(f"tonypi {command}: {error}", err=True)
        raise typer.Exit(FAILED) from None


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        typer.echo("tonypi restore: --yes is needed where nobody can be asked", err=True)
        return False
    return typer.confirm("Replace what is here by this backup?")


def _plan(place: _Place, manifest: Manifest, file: Path) -> dict[str, Any]:
    home = place.home
    known = set(manifest.databases["glue"].migrations)
    return {
        "file": str(file),
        "made_at": manifest.made_at,
        "versions": manifest.versions,
        "rows": manifest.rows,
        "points": manifest.points,
        "native": home is not None,
        "stops": bool(home and quiet.is_made(home) and homes.is_running(home)),
        "new": bool(home and not quiet.is_made(home)),
        "migrations_to_apply": [name for name in migrations.names() if name not in known],
        "left_out": list(manifest.left_out),
    }


def _show_plan(facts: Mapping[str, Any], as_json: bool, progress: Progress) -> None:
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    by = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    progress.say(f"backup of {facts['made_at']} ({by})")
    progress.say(f"  {facts['rows']:,} rows replace the databases of the glue and of Grafana")
    progress.say(
        f"  {facts['points']:,} points are added to the bucket; points that are there stay, "
        "those beyond its retention are not taken"
    )
    progress.say(f"  signature: {SIGNATURES[facts['signature']]}")
    if facts["migrations_to_apply"]:
        progress.say(f"  then migrations: {', '.join(facts['migrations_to_apply'])}")
    if facts["stops"]:
        progress.say("  the stack is stopped meanwhile, then started again")
    progress.say(f"  not part of it: {', '.join(facts['left_out'])}")


def _show_contents(found: create.Contents, path: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(path), **asdict(found)}, indent=1))
        return
    for role, rows in found.databases.items():
        typer.echo(f"database of {role}: {sum(rows.values()):,} rows in {len(rows)} tables")
    typer.echo(f"series: {', '.join(found.measurements) or 'none'}")
    typer.echo(f"secrets and ports: {len(found.secrets)}")
    typer.echo(f"to {path} ({found.free / 1e9:.1f} GB free); nothing was written")


def _show_backup(made: Manifest, path: Path, seconds: float, as_json: bool) -> None:
    size = path.stat().st_size
    if as_json:
        facts = {"file": str(path), "bytes": size, "seconds": round(seconds, 2)}
        typer.echo(json.dumps({**facts, "rows": made.rows, "points": made.points}, indent=1))
        return
    typer.echo(
        f"{path}: {made.rows:,} rows, {made.points:,} points, {size / 1e6:,.1f} MB, "
        f"{seconds:.1f} s. It holds secrets: keep it where only you can read."
    )
    for name, one in made.measurements.items():
        if one.mixed:
            typer.echo(f"  – {name}: {', '.join(one.mixed)} had several types, saved as one")


def _show_restored(
    done: restoring.Restored, unlike: list[str], seconds: float, as_json: bool
) -> None:
    if as_json:
        facts = {**asdict(done), "seconds": round(seconds, 2), "secrets_that_differ": unlike}
        typer.echo(json.dumps(facts, indent=1))
        return
    typer.echo(f"restored {done.rows:,} rows and {done.points:,} points in {seconds:.1f} s")
    if done.expired:
        typer.echo(f"  – {done.expired:,} points were beyond the bucket's retention")
    if done.refused:
        typer.echo(f"  – {done.refused:,} points were refused: {done.reason}")
    if unlike:
        typer.echo(
            f"  – {', '.join(unlike)}: the restored users have the backup's; see docs/backup.md"
        )
