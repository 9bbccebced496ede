"""The archive: a plain tar whose members are written as they come, of sizes not known before.

``tar`` lists and unpacks it. Members are compressed themselves. It holds secrets, hence mode 0600;
it has its name only when it is whole, read back and compared.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from glue.backup import manifest as manifests
from glue.backup.manifest import Manifest, Member

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
KEY = "GLUE_SECRET_KEY"
"""Of the environment: what it is derived from that signs archives."""

Signature = Literal["ours", "none", "other", "no key"]
PIECE = 1 << 20


class ArchiveBroken(Exception):
    """The archive cannot be written or is not what its manifest says."""


class Out:
    """A member being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)
        return len(data)


class Writer:
    """Members one after the other; :meth:`finish` writes the manifest and the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Iterator[BinaryIO]:
        start = self._file.tell()
        self._file.write(bytes(tarfile.BLOCKSIZE))
        out = Out(self._file)
        yield cast(BinaryIO, out)
        self._file.write(bytes(-out.size % tarfile.BLOCKSIZE))
        end = self._file.tell()
        about = tarfile.TarInfo(name)
        about.size, about.mode, about.mtime = out.size, 0o600, int(time.time())
        # GNU's form keeps a size beyond 8 GiB in the one block that we left free.
        header = about.tobuf(tarfile.GNU_FORMAT)
        if len(header) != tarfile.BLOCKSIZE:
            raise ArchiveBroken(f"the member's name {name!r} is too long")
        self._file.seek(start)
        self._file.write(header)
        self._file.seek(end)
        self.members.append(Member(name, out.size, out.digest.hexdigest()))

    def finish(self, manifest: Manifest, secret: str = "") -> None:
        """Write the manifest, and with ``secret`` its signature, which covers all members by their
        checksums."""
        text = manifest.text().encode()
        with self.member(MANIFEST) as out:
            out.write(text)
        if secret:
            with self.member(SIGNATURE) as out:
                out.write(_signed(text, secret).encode())
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Write ``path``: under another name until it is whole and reads back right.

    Raises :class:`ArchiveBroken`; what was begun is removed then.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            yield Writer(file)
            file.flush()
            os.fsync(file.fileno())
        verify(fresh)
        _name(fresh, path)
    except FileExistsError:
        raise ArchiveBroken(f"{path} is there already; it is not replaced") from None
    except OSError as error:
        raise ArchiveBroken(f"cannot write {path}: {error}") from None
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _name(fresh: Path, path: Path) -> None:
    try:
        # A link refuses where the name is taken, which a rename would not.
        os.link(fresh, path)
    except OSError as error:
        # FAT and some shared folders know no links.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        if path.exists():
            raise FileExistsError from None
        fresh.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Reader:
    """An open archive. Only members that the manifest names are looked at."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar = tar
        self.manifest = manifest

    def member(self, name: str) -> BinaryIO:
        """The member to read. Raises :class:`ArchiveBroken` when there is none."""
        return _extract(self._tar, name)


def signature(path: Path, secret: str) -> Signature:
    """Whose signature the archive has: of ``secret``, of another, or none; «no key» where
    ``secret`` is empty. Raises :class:`ArchiveBroken` or :class:`glue.backup.manifest.Unusable`."""
    if not secret:
        return "no key"
    with reading(path) as archive:
        with archive.member(MANIFEST) as file:
            text = file.read()
        try:
            with archive.member(SIGNATURE) as file:
                given = file.read()
        except ArchiveBroken:
            return "none"
    return "ours" if hmac.compare_digest(given, _signed(text, secret).encode()) else "other"


def _signed(text: bytes, secret: str) -> str:
    key = hmac.digest(secret.encode(), b"tonypi backup", "sha256")
    return hmac.new(key, text, "sha256").hexdigest()


def _extract(tar: tarfile.TarFile, name: str) -> BinaryIO:
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise ArchiveBroken(f"{name} is missing in it")
    return cast(BinaryIO, found)


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open ``path``; nothing is unpacked to disk. Raises :class:`ArchiveBroken` or
    :class:`glue.backup.manifest.Unusable`."""
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115
    except (OSError, tarfile.TarError) as error:
        raise ArchiveBroken(f"cannot read {path}: {error}") from None
    with tar:
        try:
            with _extract(tar, MANIFEST) as file:
                text = file.read().decode(errors="replace")
        except (OSError, tarfile.TarError) as error:
            raise ArchiveBroken(f"{path} is cut off or damaged: {error}") from None
        yield Reader(tar, manifests.parse(text))


def verify(path: Path, told: Callable[[int], None] = lambda done: None) -> Manifest:
    """Read every member and compare it with the manifest. ``told`` hears the bytes so far.

    Raises :class:`ArchiveBroken` or :class:`glue.backup.manifest.Unusable`.
    """
    done = 0
    with reading(path) as archive:
        for member in archive.manifest.members:
            digest = hashlib.sha256()
            try:
                with archive.member(member.name) as file:
                    while piece := file.read(PIECE):
                        digest.update(piece)
                        done += len(piece)
                        told(done)
            except (OSError, tarfile.TarError) as error:
                raise ArchiveBroken(f"{path}: {member.name}: {error}") from None
            if digest.hexdigest() != member.sha256:
                raise ArchiveBroken(
                    f"{path}: {member.name} is damaged (its checksum differs); "
                    "take another backup file"
                )
        return archive.manifest


def environment(archive: Reader, name: str) -> dict[str, str]:
    """A member of ``NAME=value`` lines."""
    with archive.member(name) as file:
        text = file.read().decode()
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    return dict(pairs)  # type: ignore[arg-type]


def environment_text(values: Mapping[str, Any]) -> str:
    """``values`` as such lines."""
    return "".join(f"{name}={value}\n" for name, value in sorted(values.items()))
