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
    await api.rows("UPDATE robots SET reported_status = 'charging' WHERE robot_id = 'arm:1'")
    listed = (await api.get("viewer", "/robots")).json()["items"]
    read = (await api.get("viewer", "/robots/arm:1")).json()
    assert read["reported_status"] == "charging"
    assert read in listed
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
    assert await ids(api, is_active=False) == await ids(api, active=False) == ["c"]
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


async def test_filters_sorts_and_exports(api: Api) -> None:
    for robot_id, name in (("a", "zoe"), ("b", None), ("c", "amy")):
        made = await api.post("operator", "/robots", {"robot_id": robot_id, "name": name})
        assert made.status_code == 201
    await api.rows(
        "UPDATE robots SET status = 'error', last_seen = '2026-01-31' WHERE robot_id = 'a'"
    )
    await api.rows("UPDATE robots SET emergency_stopped = true WHERE robot_id = 'c'")
    assert await ids(api, sort="-created_at") == ["tonypi_01", "a", "b", "c"][::-1]
    assert (await ids(api, sort="-last_seen"))[0] == "a", "never seen comes last"
    assert await ids(api, status=["error", "online"]) == ["a"]
    assert await ids(api, never_seen=False) == ["a"]
    assert await ids(api, seen_before="2026-02-01T00:00:00Z") == ["a"]
    assert await ids(api, seen_since="2026-02-01T00:00:00Z") == []
    assert await ids(api, emergency_stopped=True) == ["c"]
    assert is_problem(await api.get("viewer", "/robots", sort="ip_address"), 422)
    assert is_problem(await api.get("viewer", "/robots", removed="yes"), 422)

    export = await api.get("viewer", "/robots/export", format="csv", status="error")
    head, row = export.content.decode("utf-8-sig").splitlines()
    assert head.startswith("robot_id,name,") and row.startswith("a,zoe,")
    export = await api.get("viewer", "/robots/export", format="json")
    assert [robot["robot_id"] for robot in export.json()] == ["a", "b", "c", "tonypi_01"]


async def test_nobody_overwrites_what_somebody_else_changed(api: Api) -> None:
    path = "/api/v1/robots/tonypi_01"
    tag = (await api.get("viewer", "/robots/tonypi_01")).headers["etag"]
    # A sign of life is no change of its record.
    await api.rows("UPDATE robots SET last_seen = now(), location = '{\"x\": 1}'")
    mine = {"if-match": tag}
    changed = await api.call("operator", "PATCH", path, json={"name": "A"}, headers=mine)
    assert changed.status_code == 200, changed.text
    late = await api.call("operator", "PATCH", path, json={"name": "B"}, headers=mine)
    assert is_problem(late, 412)
    assert late.headers["etag"] == changed.headers["etag"]
    for method, of in (("DELETE", ""), ("PUT", "/maintenance"), ("DELETE", "/maintenance")):
        body = {"json": {}} if method == "PUT" else {}
        answer = await api.call("operator", method, path + of, headers=mine, **body)
        assert is_problem(answer, 412), of
    now = {"if-match": changed.headers["etag"]}
    assert (await api.call("operator", "DELETE", path, headers=now)).status_code == 200


async def test_registrations_are_decided_one_by_one_and_together(api: Api) -> None:
    for robot_id in ("n1", "n2", "n3"):
        await api.rows(
            "INSERT INTO robots (robot_id, registration) VALUES (%(id)s, 'pending')", id=robot_id
        )

    async def waiting(**params: Any) -> list[str]:
        answer = await api.get("viewer", "/robots/registrations", **params)
        return [robot["robot_id"] for robot in answer.json()["items"]]

    assert await waiting() == ["n1", "n2", "n3"]
    answer = await api.put("admin", "/robots/n1/registration", {"registration": "accepted"})
    assert answer.json()["registration"] == "accepted"
    assert is_problem(
        await api.put("operator", "/robots/n2/registration", {"registration": "accepted"}), 403
    )
    both = {"robot_ids": ["n2", "n3", "n2"], "registration": "refused"}
    assert is_problem(await api.post("operator", "/robots/registrations", both), 403)
    wrong = {**both, "robot_ids": ["n2", "nobody", "n3"]}
    refused = await api.post("admin", "/robots/registrations", wrong)
    assert is_problem(refused, 404)
    assert refused.json()["errors"] == [
        {
            "where": "body.robot_ids.1",
            "why": "nobody: no such robot; there are n1, n2, n3, tonypi_01",
        }
    ]
    assert await waiting() == ["n2", "n3"], "all or none"
    done = await api.post("admin", "/robots/registrations", both)
    assert done.json() == {"robot_ids": ["n2", "n3"]}
    again = await api.post("admin", "/robots/registrations", both)
    assert again.json() == {"robot_ids": []}
    assert await waiting() == []
    assert await waiting(registration="refused") == ["n2", "n3"]
    assert [entry["message"] for entry in await api.logs("api")] == [
        "admin accepted robot n1",
        "admin refused robot n2",
        "admin refused robot n3",
    ]


async def test_a_robots_own_zone_says_what_it_does_not_do(api: Api) -> None:
    assert (await api.get("viewer", "/robots/tonypi_01")).json()["time_zone_note"] is None
    robot = (await api.patch("operator", "/robots/tonypi_01", {"time_zone": "Asia/Tokyo"})).json()
    assert "FLEET_ROBOT_TZ" in robot["time_zone_note"]


async def test_words_of_the_paths_are_no_ids(api: Api) -> None:
    for word in ("export", "registrations"):
        assert is_problem(await api.post("operator", "/robots", {"robot_id": word}), 422)
