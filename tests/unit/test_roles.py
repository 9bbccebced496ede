"""Each role contains the one before."""

from __future__ import annotations

from glue.core.roles import allows, at_least


def test_roles_contain_each_other() -> None:
    assert at_least("viewer") == ("viewer", "operator", "admin")
    assert at_least("operator") == ("operator", "admin")
    assert at_least("admin") == ("admin",)


def test_an_unknown_role_may_nothing() -> None:
    assert not allows("root", "viewer")
    assert not allows("", "viewer")
    assert not allows("operator", "admin")
    assert allows("admin", "viewer")
