"""Passwords that no longer fit the data: a lost ``stack.env``, another's, one that was edited.

Whoever may write a home's data folder may set its passwords, so none is asked for the old one. Each
system's password that is in force is remembered beside its data as a salted hash; at a start
that is compared with the settings, and only where it differs the system gets the new one:
PostgreSQL in its single-user mode, InfluxDB 1.x without its authentication on a port that nobody
knows, 2.x and Grafana by their own recovery commands. Roles and accounts below those follow from
:mod:`glue.stack.accounts`, as at every start. No data are touched.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets as randomness
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

from glue.settings import Settings
from glue.stack import probe, process, secrets
from glue.stack.home import Home
from glue.stack.part import Part, Site
from glue.stack.parts import grafana, influxdb, postgres
from glue.stack.programs import grafana_binary
from glue.store import accounts as store_accounts

MARK = "password-in-force"
ROUNDS = 4096
"""PostgreSQL's own number; these passwords are long and random."""
PATIENCE = 120
"""Seconds for a recovery command: single-user mode replays what a crash left."""


class RecoveryFailed(Exception):
    """A system did not take its new password; the text says which, and what to do."""


@dataclass(frozen=True)
class Door:
    """One system with a password of its own: where its data are, and what the settings say."""

    title: str
    data: Path
    made: bool
    password: str

    @property
    def mark(self) -> Path:
        return self.data / MARK

    @property
    def fits(self) -> bool:
        """Whether the data know this password. True where there are no data."""
        if not self.made:
            return True
        try:
            kept = self.mark.read_text().strip()
            salt = base64.b64decode(kept.split("$")[1].partition(":")[2])
        except (OSError, IndexError, ValueError):
            return False
        return hmac.compare_digest(kept, scram(self.password, salt))

    def remember(self) -> None:
        """The data know this password now."""
        process.write_file(self.mark, scram(self.password, randomness.token_bytes(16)) + "\n")


def scram(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that the password itself is in no log."""
    salted = hashlib.pbkdf2_hmac("sha256", normalize("NFKC", password).encode(), salt, ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    parts = (salt, hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256"))
    salt_text, stored, server = (base64.b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256${ROUNDS}:{salt_text}${stored}:{server}"


def doors(home: Path, settings: Settings) -> dict[str, Door]:
    """PostgreSQL's, InfluxDB's and Grafana's."""
    data = home / "data"
    generation = influxdb.written(home)
    series = data / influxdb.FOLDERS[generation or 1]
    cluster = data / "postgres" / "cluster"
    grafanas = settings.grafana.admin_password.get_secret_value()
    return {
        "postgres": Door(
            "PostgreSQL",
            cluster.parent,
            (cluster / "PG_VERSION").exists(),
            settings.postgres.admin_password.get_secret_value(),
        ),
        "influxdb": Door(
            "InfluxDB",
            series,
            generation is not None,
            # 2.x takes what follows the colon.
            settings.influx.token.get_secret_value().rpartition(":")[2],
        ),
        "grafana": Door(
            "Grafana",
            data / "grafana",
            # Without a password it is another Grafana, elsewhere, that is used now.
            bool(grafanas) and (data / "grafana").is_dir() and (cluster / "PG_VERSION").exists(),
            grafanas,
        ),
    }


def misfits(home: Path, settings: Settings) -> list[str]:
    """Titles of the systems whose data know another password than ``settings``."""
    return [door.title for door in doors(home, settings).values() if not door.fits]


def mend_foundation(home: Home, site: Site) -> tuple[Site, list[str]]:
    """Set PostgreSQL's and InfluxDB's administrator passwords where they do not fit; neither may be
    running. Returns the site with what is in force, and what was mended.

    Raises :class:`RecoveryFailed`, and :class:`glue.stack.process.StartFailed`.
    """
    found, mended = doors(site.home, site.settings), []
    if not found["postgres"].fits:
        _postgres(site, found["postgres"].password)
        found["postgres"].remember()
        mended.append("PostgreSQL")
    if not found["influxdb"].fits:
        if influxdb.written(site.home) == 1:
            _first_influxdb(site)
        else:
            token = _second_influxdb(site)
            known = secrets.read(home.path)
            secrets.write(home.path, {**known, "INFLUXDB_TOKEN": token})
            site = home.site()
        doors(site.home, site.settings)["influxdb"].remember()
        mended.append("InfluxDB")
    return site, mended


def remember_foundation(site: Site) -> None:
    """Accounts were made with these passwords, so they fit."""
    for name in ("postgres", "influxdb"):
        door = doors(site.home, site.settings)[name]
        if door.made and not door.fits:
            door.remember()


def mend_grafana(site: Site) -> bool:
    """Set Grafana's administrator password where it does not fit; PostgreSQL serves, Grafana does
    not run yet. Returns whether it was set. Raises :class:`RecoveryFailed`."""
    door = doors(site.home, site.settings)["grafana"]
    if not site.runs_grafana or (door.fits and door.mark.exists()):
        return False
    # Grafana takes the password from its environment when it makes its first user, and never again.
    stands = store_accounts.grafana_has_users(site.settings.postgres)
    if stands:
        _grafana(site, door.password)
    door.data.mkdir(parents=True, exist_ok=True)
    door.remember()
    return stands


def _postgres(site: Site, password: str) -> None:
    part = postgres.part(site)
    verifier = scram(password, randomness.token_bytes(16))
    user = site.settings.postgres.admin_user.replace('"', '""')
    cluster = site.data("postgres") / "cluster"
    command = [str(site.programs.need("postgres")), "--single", "-D", str(cluster), "postgres"]
    statement = f"ALTER ROLE \"{user}\" LOGIN SUPERUSER PASSWORD '{verifier}';\n"
    told = _run(part, command, statement)
    if "ERROR" in told or "FATAL" in told:
        raise RecoveryFailed(f"PostgreSQL did not take POSTGRES_PASSWORD: {told.strip()[-500:]}")


def _first_influxdb(site: Site) -> None:
    port = probe.free_port()
    url = f"http://127.0.0.1:{port}"
    usual = influxdb.part(site)
    data = site.data(influxdb.FOLDERS[1])
    text = influxdb.configuration(port, str(data)).replace(
        "auth-enabled = true", "auth-enabled = false"
    )
    config = data / "recovery.conf"
    part = replace(
        usual,
        command=(usual.command[0], "run", "-config", str(config)),
        files={config: text},
        ready=lambda: probe.answers(f"{url}/ping"),
        port=port,
    )
    log = site.log("influxdb")
    started = process.start(part, log)
    try:
        process.await_ready(part, started, log)
        from glue.series import admin

        admin.reset_administrator(url, site.settings.influx)
    finally:
        process.stop(started, part.stop_signal, part.stop_within)
        config.unlink(missing_ok=True)


def _second_influxdb(site: Site) -> str:
    part = influxdb.part(site)
    bolt = f"--bolt-path={site.data(influxdb.FOLDERS[2])}/influxd.bolt"
    make = ("recovery", "auth", "create-operator")
    who = (f"--org={site.settings.influx.org}", "--username=tonypi")
    told = _run(part, [part.command[0], *make, bolt, *who])
    words = [word for line in told.splitlines() for word in line.split()]
    # The longest word of the table: an id has 16 letters, a token 86 to 88.
    token = max(words, key=len, default="")
    if len(token) < 60:
        raise RecoveryFailed(f"InfluxDB made no new operator's token: {told.strip()[-500:]}")
    return token


def _grafana(site: Site, password: str) -> None:
    part = grafana.part(site)
    home = site.programs.grafana()
    binary = grafana_binary(home) if home else None
    cli = (
        (str(binary), "cli")
        if binary and binary.name == "grafana"
        else (str(binary and binary.with_name("grafana-cli")),)
    )
    config = ("--homepath", str(home), "--config", str(site.checkout / "grafana" / "grafana.ini"))
    reset = ("admin", "reset-admin-password", "--password-from-stdin")
    told = _run(part, [*cli, *config, *reset], password + "\n")
    if "changed successfully" not in told:
        raise RecoveryFailed(
            f"Grafana did not take GF_SECURITY_ADMIN_PASSWORD: {told.strip()[-500:]}"
        )


def _run(part: Part, command: list[str], words: str = "") -> str:
    """Run one of ``part``'s programs to its end, as its user; returns what it printed."""
    who = process.identity(part.user)
    process.write_files(part)
    environ: Mapping[str, str] = {"PATH": os.environ.get("PATH", ""), **part.env}
    try:
        done = subprocess.run(
            command,
            input=words,
            cwd=part.cwd or part.folders[0],
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            preexec_fn=process.in_child(part, who),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RecoveryFailed(f"{part.name} cannot be given its password: {error}") from None
    told = done.stdout + done.stderr
    if done.returncode:
        raise RecoveryFailed(f"{part.name} cannot be given its password: {told.strip()[-500:]}")
    return told
