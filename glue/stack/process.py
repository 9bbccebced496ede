"""One running program: started so that it cannot outlive us, stopped so that it loses nothing.

Linux tells a child when the *thread* that started it dies (``PR_SET_PDEATHSIG``), and forgets the
wish when the child changes its user; so programs are started from the main thread, and the wish is
made after the change of user. See prctl(2). A program that changed its user gains no rights any
more, by no setuid program either.
"""

from __future__ import annotations

import ctypes
import grp
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from glue.stack import listeners, mounts, users
from glue.stack.part import Part

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
OPEN_FILES = 65536
LOG_BYTES = 10 * 1024 * 1024
"""At a start a log beyond this becomes ``.1``, in place of the one before."""

_LIBC = ctypes.CDLL(None, use_errno=True)


class StartFailed(Exception):
    """A program did not start; the text says why and where its log is."""


@dataclass(frozen=True)
class Identity:
    """A system user to run a program as."""

    name: str
    uid: int
    gid: int

    def assume(self) -> None:
        """Become this user, for good."""
        groups = [g.gr_gid for g in grp.getgrall() if self.name in g.gr_mem]
        os.setgroups([self.gid, *groups])
        os.setgid(self.gid)
        os.setuid(self.uid)
        _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def identity(user: str | None) -> Identity | None:
    """The user to change to, or None to stay. Raises :class:`StartFailed` for an unknown one."""
    if user is None or os.geteuid() != 0:
        return None
    try:
        found = users.made(user)
    except users.UserMissing as error:
        raise StartFailed(str(error)) from None
    return Identity(user, found.pw_uid, found.pw_gid)


def write_files(part: Part) -> None:
    """Make the part's folders and files, owned by its user."""
    who = identity(part.user)
    for folder in part.folders:
        folder.mkdir(parents=True, exist_ok=True)
        _own(folder, who)
    for path, text in part.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text, who)


def write_file(path: Path, text: str, who: Identity | None = None) -> None:
    """Replace ``path`` whole, mode 0600, owned by ``who``. Its folder may belong to somebody else:
    nothing that stands there is written through, a link least of all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if who:
            os.fchown(descriptor, who.uid, who.gid)
        file.write(text)
    fresh.replace(path)


def _own(folder: Path, who: Identity | None) -> None:
    """Make a folder ours, or the part's user's alone. What root made before parts had users is
    given to the user with all that is in it; the folder itself last, so that what was interrupted
    is done again. A folder that root uses is root's again, so that the next user gets all of it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise StartFailed(f"{folder} is no folder of ours: {error}") from None
    try:
        os.fchmod(descriptor, 0o700)
        owner = os.fstat(descriptor).st_uid
        if who is None:
            if owner != os.geteuid():
                os.fchown(descriptor, os.geteuid(), -1)
            return
        if owner == 0:
            for _, folders, files, inside in os.fwalk(".", dir_fd=descriptor, topdown=False):
                for name in (*folders, *files):
                    os.chown(name, who.uid, who.gid, dir_fd=inside, follow_symlinks=False)
        os.fchown(descriptor, who.uid, who.gid)
    finally:
        os.close(descriptor)


def start(part: Part, log: Path) -> subprocess.Popen[bytes]:
    """Prepare and start ``part``; its output is appended to ``log``. Does not wait for ready."""
    write_files(part)
    part.prepare()
    who = identity(part.user)
    log.parent.mkdir(parents=True, exist_ok=True)
    turn(log)
    environment = {**_base_environment(), **part.env}
    if who:
        environment["HOME"] = str(part.folders[0] if part.folders else "/")
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                part.command,
                cwd=part.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C on a terminal goes to us alone, who then stop the parts in order.
                start_new_session=True,
                # Safe: we start programs from one thread, see this module's first lines.
                preexec_fn=in_child(part, who, os.getpid()),  # noqa: PLW1509
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(f"{part.name}: cannot run {part.command[0]}: {error}") from None


def is_ready(part: Part, process: subprocess.Popen[bytes]) -> bool:
    """Whether ``part`` serves, and it is ``process`` that answers and not a program that has its
    port."""
    return part.ready() and (part.port is None or listeners.listens(process.pid, part.port))


def await_ready(part: Part, process: subprocess.Popen[bytes], log: Path) -> float:
    """Wait until ``part`` serves; returns the seconds it took, raises :class:`StartFailed`."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < part.ready_within:
        if process.poll() is not None:
            raise StartFailed(
                f"{part.name} ended with {process.returncode} before it was ready; "
                f"its last words ({log}):\n{tail(log)}"
            )
        if is_ready(part, process):
            return waited
        time.sleep(0.1)
    raise StartFailed(
        f"{part.name} was not ready within {part.ready_within:.0f} s; "
        f"its last words ({log}):\n{tail(log)}"
    )


def stop(process: subprocess.Popen[bytes], how: signal.Signals, within: float) -> None:
    """Ask ``process`` to end, kill it (and what it started) after ``within`` seconds."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait(10)


def kill_group(pid: int) -> None:
    """SIGKILL to a program that we started and to its own children."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def turn(log: Path) -> None:
    """Set a log aside that has grown beyond :data:`LOG_BYTES`."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def turn_running(log: Path) -> None:
    """The same while its program writes on: copied and emptied, since the program holds the file.
    What it writes in between is lost; a disk full of log would lose more."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)


def tail(log: Path, lines: int = 15) -> str:
    """The last ``lines`` lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16384))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"({error})"
    return "\n".join(text.splitlines()[-lines:])


def raise_file_limit() -> int:
    """Allow as many open files as we may, up to :data:`OPEN_FILES`; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    within = OPEN_FILES if unlimited else min(OPEN_FILES, hard)
    # Beyond the hard limit only root may go, and not in every container.
    for limits in ((OPEN_FILES, max(OPEN_FILES, hard)), (within, hard)):
        if not unlimited or limits[1] == hard:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limits[0]), limits[1]))
                break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _base_environment() -> dict[str, str]:
    """What programs inherit: never our own secrets, never a proxy for loopback."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return {**inherited, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"}


def in_child(part: Part, who: Identity | None, parent: int | None = None) -> Callable[[], None]:
    """What a child does before it becomes ``part``'s program: sees what its user is shown, becomes
    that user, and ends with the process ``parent``, if one is given."""

    def prepare() -> None:
        if who and part.shown:
            mounts.enter(part.shown)
            # Where we were is outside of what is shown.
            os.chdir(os.getcwd())
        if who:
            who.assume()
        if parent is None:
            return
        _LIBC.prctl(PR_SET_PDEATHSIG, int(part.stop_signal))
        # We may have died between fork and the wish.
        if os.getppid() != parent:
            os._exit(1)

    def prepare_or_log() -> None:
        try:
            prepare()
        except OSError as error:
            # Popen says no more than that something was raised here; the log has this.
            os.write(2, f"{part.name}: cannot become {part.user}: {error}\n".encode())
            raise

    return prepare_or_log
