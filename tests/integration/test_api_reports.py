"""Reports through the API, and the files that it gives out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from glue.settings import Postgres
from tests.api import Api, is_problem, served
from tests.conftest import SettingsFor


@pytest_asyncio.fixture
async def api(database: Postgres, settings_for: SettingsFor, tmp_path: Path) -> AsyncIterator[Api]:
    folder = tmp_path / "reports"
    (folder / "2026").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "reports-of-others").mkdir()
    (tmp_path / "reports-of-others" / "x.pdf").write_text("secret")
    (folder / "2026" / "week.pdf").write_bytes(b"%PDF-1.7 week")
    (folder / "out.pdf").symlink_to(tmp_path / "secret.txt")
    named = {"PGDATABASE": database.database, "GLUE_REPORTS_FOLDER": str(folder)}
    async with served(settings_for(**named)) as running:
        yield running


async def add(api: Api, **values: Any) -> int:
    row = {"title": "Week 5", "report_type": "performance", **values}
    names = ", ".join(row)
    marks = ", ".join(f"%({name})s" for name in row)
    made = await api.rows(f"INSERT INTO reports ({names}) VALUES ({marks}) RETURNING id", **row)
    return int(made[0]["id"])


async def test_list_and_one(api: Api) -> None:
    plain = await add(api, robot_id="r1", created_by="olga")
    filed = await add(api, title="Akku", report_type="battery", file_path="2026/week.pdf")
    items = (await api.get("viewer", "/reports")).json()["items"]
    assert [item["id"] for item in items] == [filed, plain]
    assert [item["file_name"] for item in items] == ["week.pdf", None]
    assert "data" not in items[0]
    assert "file_path" not in items[0]
    for query, found in (
        ({"robot_id": "r1"}, [plain]),
        ({"type": "battery"}, [filed]),
        ({"created_by": "olga"}, [plain]),
        ({"has_file": True}, [filed]),
        ({"has_file": False}, [plain]),
        ({"text": "WEEK"}, [plain]),
        ({"sort": "title"}, [filed, plain]),
    ):
        got = (await api.get("viewer", "/reports", **query)).json()["items"]
        assert [item["id"] for item in got] == found, query
    await api.rows("""UPDATE reports SET data = '{"alerts": [1, 2]}'""")
    one = await api.get("viewer", f"/reports/{plain}")
    assert one.json()["data"] == {"alerts": [1, 2]}
    assert one.headers["etag"]
    assert is_problem(await api.get("viewer", "/reports/999"), 404)


async def test_a_file_in_the_folder_is_given_out(api: Api, tmp_path: Path) -> None:
    for path in ("2026/week.pdf", str(tmp_path / "reports" / "2026" / "week.pdf")):
        answer = await api.get("viewer", f"/reports/{await add(api, file_path=path)}/file")
        assert answer.status_code == 200, answer.text
        assert answer.content == b"%PDF-1.7 week"
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == 'attachment; filename="week.pdf"'


@pytest.mark.parametrize(
    "path",
    [
        None, "", ".", "2026", "gone.pdf", "../secret.txt", "2026/../../secret.txt", "out.pdf",
        "../reports-of-others/x.pdf", "/etc/passwd", "2026/week.pdf/x", "x" * 490, "a/" * 200,
        "~/secret.txt", "{tmp}/secret.txt", "{tmp}/reports/../secret.txt",
    ],
)  # fmt: skip
async def test_no_other_file_is(api: Api, tmp_path: Path, path: str | None) -> None:
    path = path.replace("{tmp}", str(tmp_path)) if path else path
    answer = await api.get("viewer", f"/reports/{await add(api, file_path=path)}/file")
    assert is_problem(answer, 404)
    assert str(tmp_path) not in answer.text


async def test_without_a_folder_there_are_no_files(api: Api, tmp_path: Path) -> None:
    report = await add(api, file_path="2026/week.pdf")
    (tmp_path / "reports").rename(tmp_path / "moved")
    assert is_problem(await api.get("viewer", f"/reports/{report}/file"), 404)
