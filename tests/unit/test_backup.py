"""What a backup decides without touching anything."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from glue.backup import manifest as manifests
from glue.backup import secrets
from glue.backup.archive import ArchiveBroken, reading, signature, verify, writing
from glue.backup.create import target
from glue.backup.manifest import DatabaseFacts, Manifest, MeasurementFacts, Unusable
from glue.core.line_protocol import lines, series_key
from glue.series.query import SeriesError
from glue.series.transfer import Count, _Batches, dropped, gzip_members, next_width
from glue.settings import load
from glue.stack.quiet import is_native

MADE = Manifest(
    made_at="2026-01-02T03:04:05+00:00",
    versions={"postgresql": "15.1"},
    databases={"glue": DatabaseFacts("glue.dump", "glue", {"public.robots": 2}, ("0001_tables",))},
    bucket="robot_metrics",
    measurements={"battery": MeasurementFacts("0.lp.gz", 3, 6, ("odd",))},
    members=(),
)
OWNERS = {"glue": "glue", "grafana": "grafana"}
KNOWN = ("0001_tables", "0002_columns")


def archive(path: Path, format_: int = manifests.FORMAT) -> Path:
    with writing(path) as out:
        with out.member("a") as file:
            file.write(b"first" * 1000)
        with out.member("b") as file:
            file.write(b"")
        out.finish(replace(MADE, members=tuple(out.members), format=manifests.FORMAT))
    if format_ != manifests.FORMAT:
        text = path.read_bytes()
        path.write_bytes(text.replace(b'"format": 1', b'"format": %d' % format_))
    return path


def test_a_line_keeps_types_that_json_does_not_tell_apart() -> None:
    fields = [("f", "float"), ("i", "integer"), ("u", "unsigned"), ("b", "boolean")]
    [(line, values)] = lines("m", fields, [[7, 5, 5, 5, True]])
    assert line == "m f=5.0,i=5i,u=5u,b=true 7"
    assert values == 4


def test_special_characters_are_escaped_where_each_must_be() -> None:
    assert series_key("my m,x=y", {"a b": "c,d=e f", "none": ""}) == r"my\ m\,x=y,a\ b=c\,d\=e\ f"
    [(line, _)] = lines("m", [("a=b", "string")], [[1, 'say "\\" =, \n']])
    assert line == 'm a\\=b="say \\"\\\\\\" =, \n" 1'


def test_a_row_without_values_is_no_point() -> None:
    assert lines("m", [("f", "float"), ("g", "float")], [[1, None, None], [2, None, 1.5]]) == [
        ("m g=1.5 2", 1)
    ]


def test_batches_are_members_of_one_gzip_file() -> None:
    file = io.BytesIO()
    batches = _Batches(file)
    batches.add([(f"m f={n} {n}", 1) for n in range(12_000)])
    batches.close()
    assert batches.count == Count(12_000, 12_000)
    whole = gzip.decompress(file.getvalue()).decode()
    assert whole == "".join(f"m f={n} {n}\n" for n in range(12_000))
    file.seek(0)
    members = list(gzip_members(file))
    assert [gzip.decompress(m).count(b"\n") for m in members] == [5000, 5000, 2000]
    assert b"".join(members) == file.getvalue()


def test_a_batch_that_breaks_off_is_an_error() -> None:
    with pytest.raises(SeriesError, match="middle"):
        list(gzip_members(io.BytesIO(gzip.compress(b"m f=1 1\n")[:-3])))
    with pytest.raises(SeriesError, match="not gzip"):
        list(gzip_members(io.BytesIO(b"m f=1 1\n")))


def test_windows_grow_over_nothing_and_shrink_where_there_is_much() -> None:
    assert next_width(600, 0) > 600
    hour = 3600 * 10**9
    assert next_width(hour, 1_000_000) == hour // 10
    assert next_width(hour, 50) == 2 * hour
    assert next_width(10**9, 10**9) >= 10**9


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("partial write: points beyond retention policy dropped=17", (17, 0)),
        (
            "partial write: dropped 3 points outside retention policy of duration 168h0m0s - oldest"
            " point … dropped because it violates a Retention Policy Lower Bound dropped=3 for"
            " database: robot_metrics for retention policy: autogen",
            (3, 0),
        ),
        (
            'partial write: field type conflict: input field "f" on measurement "m" is type float,'
            " already exists as type string dropped=2 for database: robot_metrics for retention"
            " policy: autogen",
            (0, 2),
        ),
    ],
)
def test_what_influxdb_says_of_points_it_did_not_take(said: str, counted: tuple[int, int]) -> None:
    assert dropped(said) == counted


def test_an_archive_reads_back_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar")
    assert path.stat().st_mode & 0o777 == 0o600
    found = verify(path)
    assert found.measurements == MADE.measurements
    assert found.databases == MADE.databases
    assert (found.points, found.rows) == (3, 2)
    with reading(path) as opened:
        assert opened.member("a").read() == b"first" * 1000
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar"]


def test_an_archive_never_replaces_another(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar")
    before = path.read_bytes()
    with pytest.raises(ArchiveBroken, match="already"):
        archive(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar"]


def test_what_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def breaks_off() -> None:
        with writing(tmp_path / "x.tar") as out, out.member("a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks_off()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["first", '"sha256": "'])
def test_a_changed_byte_is_found(tmp_path: Path, where: str) -> None:
    path = archive(tmp_path / "x.tar")
    data = bytearray(path.read_bytes())
    data[data.index(where.encode()) + len(where)] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveBroken):
        verify(path)


def test_a_cut_off_archive_is_found(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ArchiveBroken):
        verify(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(ArchiveBroken):
        verify(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="newer"):
        verify(archive(tmp_path / "x.tar", format_=2))


def test_another_kind_of_file_is_refused() -> None:
    for text in ("", "[]", "{}", json.dumps({"kind": "x", "format": 1})):
        with pytest.raises(Unusable):
            manifests.parse(text)


def test_a_backup_of_a_newer_release_or_another_owner_is_refused() -> None:
    manifests.check_fits(MADE, OWNERS, KNOWN, 15)
    with pytest.raises(Unusable, match="newer release"):
        manifests.check_fits(MADE, OWNERS, ("0000_before",), None)
    with pytest.raises(Unusable, match="PGUSER=glue"):
        manifests.check_fits(MADE, {**OWNERS, "glue": "robots"}, KNOWN, None)


def test_a_backup_goes_into_the_same_postgresql_or_a_newer_one() -> None:
    for server in (15, 18, None):
        manifests.check_fits(MADE, OWNERS, KNOWN, server)
    with pytest.raises(Unusable, match=r"made on PostgreSQL 15\.1, and here is 14"):
        manifests.check_fits(MADE, OWNERS, KNOWN, 14)


def test_differences_name_the_tables() -> None:
    assert manifests.differences({"a": 1, "b": 2}, {"a": 1, "b": 2}) == []
    assert manifests.differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 0}) == [
        "b: 2 in the backup, 3 restored",
        "c: no table in the backup, 0 restored",
    ]


def test_doors_and_places_stay_and_peoples_passwords_come() -> None:
    here = {"POSTGRES_PASSWORD": "a", "PGPORT": "1", "GLUE_ADMIN_PASSWORD": "a", "NEW": "a"}
    backup = {"POSTGRES_PASSWORD": "b", "PGPORT": "2", "GLUE_ADMIN_PASSWORD": "b"}
    assert secrets.merged(here, backup) == here | {"GLUE_ADMIN_PASSWORD": "b"}
    assert secrets.unlike(here, backup) == ["GLUE_ADMIN_PASSWORD"]


def test_a_new_home_takes_all_but_ports_that_are_taken() -> None:
    backup = {"POSTGRES_PASSWORD": "b", "PGPORT": "2", "GLUE_PORT": "3", "TONYPI_HOME": "/x"}
    assert secrets.for_new_home(backup, ["GLUE_PORT"]) == {
        "POSTGRES_PASSWORD": "b",
        "GLUE_PORT": "3",
    }


def test_a_target_is_a_folder_unless_it_is_named_like_an_archive(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert target(tmp_path, now) == tmp_path / "tonypi-20260102T030405Z.tar"
    assert target(tmp_path / "mine.tar", now) == tmp_path / "mine.tar"


def test_an_archive_is_signed_and_who_changes_it_cannot_sign_it(tmp_path: Path) -> None:
    path = tmp_path / "signed.tar"
    with writing(path) as out:
        with out.member("a") as file:
            file.write(b"rows")
        out.finish(replace(MADE, members=tuple(out.members)), "our secret")
    assert verify(path).members[0].name == "a"
    assert signature(path, "our secret") == "ours"
    assert signature(path, "another's") == "other"
    assert signature(path, "") == "no key"
    # As somebody would who fits the checksums as well: all but the signature is right.
    forged = tmp_path / "forged.tar"
    with reading(path) as old, writing(forged) as out:
        with old.member("manifest.sig") as file:
            kept = file.read()
        with out.member("a") as file:
            file.write(b"evil")
        made = replace(MADE, members=tuple(out.members))
        with out.member("manifest.sig") as file:
            file.write(kept)
        out.finish(made)
    assert signature(forged, "our secret") == "other"
    assert signature(archive(tmp_path / "older.tar"), "our secret") == "none"


@pytest.mark.parametrize(
    ("given", "native"),
    [
        ({}, True),
        ({"PGHOST": "localhost"}, True),
        ({"DATABASE_URL": "postgresql://glue:x@127.0.0.1/tonypi"}, True),
        ({"DATABASE_URL": "jdbc:postgresql://localhost:5433/tonypi"}, True),
        ({"DATABASE_URL": "jdbc:postgresql://db.example/tonypi"}, False),
        ({"DATABASE_URL": "postgresql:///tonypi?host=db.example"}, False),
        ({"DATABASE_URL": "postgresql:///tonypi?host=/run/postgresql"}, False),
        ({"PGHOST": "postgres"}, False),
    ],
)
def test_whose_database_it_is_follows_every_spelling(
    given: dict[str, str], native: bool, tmp_path: Path
) -> None:
    assert is_native(load({"TONYPI_HOME": str(tmp_path), **given})) == native
