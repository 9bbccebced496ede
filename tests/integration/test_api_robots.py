"""Robots through the API."""

from __future__ import annotations

from typing import Any

from tests.api import Api, is_problem


async def ids(api: Api, **params: Any) -> list[str]:
    answer = await api.get("viewer", "/robots", **params)
    assert answer.status_code == 200, answer.text
    return [robot["robot_id"] for robot in answer.json()["items"]]


async def test_a_robot_is_made_read_and_changed(api: Api) -> None:
    new = {
        "robot_id": "arm:1",
        "name": "Arm",
        "location": {"x": 1.5, "y": -2},
        "settings": {"gripper": ["left", {"force": 0.5}], "ünïcode": None},
        "camera_url": "http://192.168.1.20:8080/stream",
        "time_zone": "Asia/Tokyo",
        "battery_threshold_low": 30,
    }
    made = await api.post("operator", "/robots", new)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/api/v1/robots/arm:1"
    robot = made.json()
    assert robot["status"] == "offline"
    assert robot["last_seen"] is None
    assert robot["registration"] == "accepted"
    assert robot["settings"] == new["settings"]
    assert robot["location"]["x"] == 1.5
    assert is_problem(await api.post("operator", "/robots", new), 409)

    edit = {"name": "Arm one", "description": "by the door", "settings": None, "is_active": False}
    changed = await api.patch("operator", "/robots/arm:1", edit)
    assert changed.status_code == 200, changed.text
    read = (await api.get("viewer", "/robots/arm:1")).json()
    assert read == changed.json()
    assert {k: read[k] for k in edit} == edit
    assert read["camera_url"] == new["camera_url"], "what is left out stays"
    messages = [entry["message"] for entry in await api.logs("api")]
    assert messages[0].startswith("operator made robot arm:1")
    assert messages[1] == "operator changed robot arm:1: description, is_active, name, settings"


async def test_maintenance_begins_and_ends_but_does_not_take_a_robot_offline(api: Api) -> None:
    await api.rows("UPDATE robots SET status = 'online' WHERE robot_id = 'tonypi_01'")

    async def put(maintenance: bool) -> tuple[str, bool]:
        edit = {"maintenance": maintenance}
        robot = (await api.patch("operator", "/robots/tonypi_01", edit)).json()
        return robot["status"], robot["maintenance"]

    assert await put(False) == ("online", False)
    assert await put(True) == ("maintenance", True)
    assert await put(False) == ("offline", False)


async def test_limits_of_the_robot_are_its_thresholds(api: Api) -> None:
    edit = {"temp_threshold_warning": 60, "temp_threshold_critical": 66}
    assert (await api.patch("operator", "/robots/tonypi_01", edit)).status_code == 200
    effective = (await api.get("viewer", "/robots/tonypi_01/thresholds")).json()["effective"]
    (limit,) = [row for row in effective if row["metric"] == "temperature"]
    assert (limit["warning"], limit["critical"], limit["source"]) == (60, 66, "robot")
    # null takes the fleet's.
    edit = {"temp_threshold_warning": None, "temp_threshold_critical": None}
    robot = (await api.patch("operator", "/robots/tonypi_01", edit)).json()
    assert (robot["temp_threshold_warning"], robot["temp_threshold_critical"]) == (70, 80)


async def test_limits_on_the_wrong_sides_are_refused_with_the_reason(api: Api) -> None:
    edit = {"name": "x", "temp_threshold_warning": 85}
    answer = await api.patch("operator", "/robots/tonypi_01", edit)
    assert is_problem(answer, 422)
    assert "critical 80 is not above warning 85" in answer.json()["detail"]
    assert (await api.get("viewer", "/robots/tonypi_01")).json()["name"] == "TonyPi 01"


async def test_the_list_is_filtered_and_turned_page_by_page(api: Api) -> None:
    for robot_id, name in (("b_2", "100% Ann"), ("B_1", "bob"), ("c", "ANNA"), ("d", None)):
        assert (
            await api.post("operator", "/robots", {"robot_id": robot_id, "name": name})
        ).status_code == 201
    await api.patch("operator", "/robots/c", {"is_active": False})
    await api.patch("admin", "/robots/d", {"registration": "pending"})
    everything = await ids(api)
    assert everything == sorted(everything) == ["B_1", "b_2", "c", "d", "tonypi_01"]
    assert await ids(api, text="ann") == ["b_2", "c"]
    assert await ids(api, text="100%") == ["b_2"]
    assert await ids(api, text="%") == ["b_2"], "signs of LIKE are letters here"
    assert await ids(api, active=False) == ["c"]
    assert await ids(api, registration="pending") == ["d"]
    assert await ids(api, status="maintenance") == []

    pages, cursor = [], {}
    while True:
        page = (await api.get("viewer", "/robots", limit=2, **cursor)).json()
        pages.append([robot["robot_id"] for robot in page["items"]])
        if not page["next"]:
            break
        cursor = {"cursor": page["next"]}
    assert pages == [["B_1", "b_2"], ["c", "d"], ["tonypi_01"]]


NONSENSE: list[dict[str, Any]] = [
    {"robot_id": "other"},
    {"nonsense": 1},
    {"status": "online"},
    {"name": "a" * 101},
    {"name": "\x00"},
    {"name": None, "is_active": None},
    {"location": {"x": 1, "w": 2}},
    {"location": []},
    {"camera_url": "javascript:alert(1)"},
    {"camera_url": "http://[::1"},
    {"time_zone": "Mars/Olympus"},
    {"time_zone": "../../etc/passwd"},
    {"settings": {"a": "\x00"}},
    {"settings": {"\x00": 1}},
    {"settings": [1]},
    {"settings": {"a": "x" * 70_000}},
    {"battery_threshold_low": 10**400},
    {"battery_threshold_low": 1e300},
    {"temp_threshold_warning": -300},
    {"registration": "maybe"},
]


async def test_nonsense_is_refused(api: Api) -> None:
    for edit in NONSENSE:
        assert is_problem(await api.patch("operator", "/robots/tonypi_01", edit), 422)


READERS_BREAK_ON: list[bytes] = [
    rb'{"name": "\ud800"}',
    rb'{"settings": {"\ud800": 1}}',
    b'{"settings": {"a": NaN}}',
    b'{"settings": {"a": 1e999}}',
    b'{"settings": {"a": ' + b"[" * 50 + b"]" * 50 + b"}}",
    b'{"settings": ' + b'{"a":' * 20_000,
    b'{"battery_threshold_low": Infinity}',
    b'{"battery_threshold_low": ' + b"9" * 5000 + b"}",
    b"\xff\xfe",
    b"nonsense",
    b"",
]


async def test_bodies_that_break_readers_are_refused(api: Api) -> None:
    for body in READERS_BREAK_ON:
        answer = await api.call(
            "operator",
            "PATCH",
            "/api/v1/robots/tonypi_01",
            content=body,
            headers={"content-type": "application/json"},
        )
        assert is_problem(answer, 400 if answer.status_code == 400 else 422)


BAD_QUERIES: list[str] = [
    "cursor=nonsense",
    "cursor=WzFd",
    "cursor=%00",
    "cursor=WyJcdTAwMDAiXQ",  # ["\u0000"]
    "limit=0",
    "limit=501",
    "limit=1e9",
    "limit=99999999999999999999999",
    "text=%00",
    "text=",
    "status=gone",
    "active=perhaps",
]


async def test_bad_queries_are_refused(api: Api) -> None:
    for query in BAD_QUERIES:
        assert is_problem(await api.call("viewer", "GET", f"/api/v1/robots?{query}"), 422)


async def test_ids_that_are_none_are_refused(api: Api) -> None:
    assert is_problem(await api.get("viewer", "/robots/nobody"), 404)
    for bad in ("a%00b", "a%20b", "a%22", "%E2%82%AC", "x" * 51, "a%0A"):
        assert is_problem(await api.get("viewer", f"/robots/{bad}"), 422), bad
        assert is_problem(await api.post("operator", "/robots", {"robot_id": bad}), 422)


async def test_only_an_admin_accepts_a_robot(api: Api) -> None:
    made = await api.post("admin", "/robots", {"robot_id": "new1", "registration": "pending"})
    assert made.status_code == 201, made.text
    assert is_problem(
        await api.patch("operator", "/robots/new1", {"registration": "accepted"}), 403
    )
    assert (await api.get("viewer", "/robots/new1")).json()["registration"] == "pending"
    changed = await api.patch("admin", "/robots/new1", {"registration": "accepted"})
    assert changed.json()["registration"] == "accepted"
