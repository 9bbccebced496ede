"""Exports: every row once, in three forms, whatever stands in them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from glue.api.conventions import export
from tests.api import Api, is_problem

START = datetime(2026, 1, 31, 8, tzinfo=UTC)


async def exported(api: Api, form: str, **params: Any) -> list[dict[str, Any]]:
    answer = await api.get("viewer", "/alerts/export", format=form, **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == export.MEDIA[form]
    name = answer.headers["content-disposition"].removeprefix('attachment; filename="alerts-')
    assert name.endswith(f'Z.{form}"')
    if form == "csv":
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    if form == "json":
        return list(json.loads(answer.text))
    return [json.loads(line) for line in answer.text.splitlines()]


FORMS = ("csv", "json", "ndjson")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
async def test_every_row_once_by_id(
    api: Api, form: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS", 2)
    made = [await api.add_alert(created_at=START - timedelta(hours=n)) for n in range(count)]
    assert [int(row["id"]) for row in await exported(api, form)] == made


async def test_the_three_say_the_same_as_the_list(api: Api) -> None:
    details = {"servos": [1, {"a": "ü"}], "text": 'a "quoted"\nline'}
    await api.add_alert(
        title='Ünï, "x"\nnext', value=-1.5, source="-servo", details=json.dumps(details)
    )
    (listed,) = (await api.get("viewer", "/alerts")).json()["items"]
    assert await exported(api, "json") == await exported(api, "ndjson") == [listed]
    (row,) = await exported(api, "csv")
    # Excel knows UTF-8 by it.
    assert (await api.get("viewer", "/alerts/export")).content.startswith(b"\xef\xbb\xbfid,")
    assert list(row) == list(listed)
    assert row["title"] == listed["title"]
    assert row["value"] == "-1.5"
    assert row["robot_id"] == "tonypi_01"
    assert row["message"] == ""
    assert row["resolved"] == "false"
    assert row["created_at"] == listed["created_at"]
    assert json.loads(row["details"]) == details


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
async def test_no_cell_is_a_formula(api: Api, text: str) -> None:
    await api.add_alert(title=text)
    (row,) = await exported(api, "csv")
    assert row["title"] == f"'{text}"
    assert (await exported(api, "json"))[0]["title"] == text


async def test_the_lists_filters_hold(api: Api) -> None:
    await api.add_alert(severity="info")
    wanted = await api.add_alert(severity="critical", robot_id="r9")
    await api.add_alert(severity="critical", robot_id="r8")
    (row,) = await exported(api, "ndjson", severity="critical", robot_id=["r9", "r9"])
    assert row["id"] == wanted
    assert is_problem(await api.get("viewer", "/alerts/export", severity="loud"), 422)
    assert is_problem(await api.get("viewer", "/alerts/export", format="xml"), 422)


async def test_rows_that_go_meanwhile_leave_the_file_whole(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, not offsets: what is deleted or added hides and repeats nothing else."""
    monkeypatch.setattr(export, "ROWS", 2)
    made = [await api.add_alert() for _ in range(5)]
    rendered = export._rendered

    def delete_then_render(form: str, rows: Any, page: list[dict[str, Any]]) -> str:
        if page and page[0]["id"] == made[0]:
            asyncio.run_coroutine_threadsafe(
                api.rows("DELETE FROM alerts WHERE id >= %(id)s", id=made[2]), loop
            ).result()
        return rendered(form, rows, page)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(export, "_rendered", delete_then_render)
    assert [row["id"] for row in await exported(api, "json")] == made[:2]


async def test_a_break_on_the_way_is_no_whole_file(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS", 2)
    made = [await api.add_alert() for _ in range(5)]
    rendered = export._rendered

    def fail_on_the_second(form: str, rows: Any, page: list[dict[str, Any]]) -> str:
        if page[0]["id"] != made[0]:
            raise RuntimeError("PostgreSQL went away")
        return rendered(form, rows, page)

    monkeypatch.setattr(export, "_rendered", fail_on_the_second)
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://glue") as client:
        api.client = client
        with pytest.raises(RuntimeError):
            await api.get("viewer", "/alerts/export", format="json")
