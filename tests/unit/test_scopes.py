"""What tokens of machines reach."""

from __future__ import annotations

from glue.core import scopes
from glue.core.folding import Folding


def test_reading_is_read_but_for_what_only_admins_may_read() -> None:
    assert scopes.of_route("GET", "alerts", "viewer") == "read"
    assert scopes.of_route("GET", "logs", "operator") == "read"
    assert scopes.of_route("GET", "users", "admin") == "users:admin"
    assert scopes.of_route("GET", "anything new", "admin") == scopes.SESSION


def test_changing_takes_the_scope_of_its_area_or_a_session() -> None:
    assert scopes.of_route("POST", "alerts", "operator") == "alerts:write"
    assert scopes.of_route("DELETE", "robots", "admin") == "robots:write"
    assert scopes.of_route("POST", "auth", "viewer") == scopes.SESSION
    assert scopes.SESSION not in scopes.SCOPES


def test_nobody_gives_more_than_the_role_has() -> None:
    assert scopes.beyond(scopes.SCOPES, "admin") == []
    assert scopes.beyond(["read"], "viewer") == []
    assert scopes.beyond(["read", "alerts:write"], "viewer") == ["alerts:write"]
    assert scopes.beyond(["users:admin"], "operator") == ["users:admin"]
    assert scopes.beyond(["read"], "nobody") == ["read"]
    assert scopes.least_role(["read", "commands"]) == "operator"
    for scope in scopes.SCOPES:
        assert scopes.beyond([scope], scopes.least_role([scope])) == []


def test_what_repeats_is_said_once_with_how_often() -> None:
    folding = Folding(60)
    assert [folding.times("a", now) for now in (0, 1, 2, 59.9)] == [1, 0, 0, 0]
    assert folding.times("b", 3) == 1
    assert folding.times("a", 60) == 4
    assert folding.times("a", 200) == 1
