"""Passwords: what is accepted, and what a login compares."""

from __future__ import annotations

import pytest

from glue.core import passwords


@pytest.mark.parametrize(
    "password",
    ["short", "a" * 20, "abababababab", "x\x00yzzyzzyzzyzz", "my name is ada1", "ab cd ef " * 30],
)
def test_objections(password: str) -> None:
    assert passwords.objection(password, "Ada")


def test_words_in_a_row_are_fine() -> None:
    assert passwords.objection("correct horse battery", "ada") is None
    assert passwords.objection("пароль из слов", "ada") is None


def test_a_hash_is_argon2id_and_salted() -> None:
    first, second = passwords.hashed("correct horse"), passwords.hashed("correct horse")
    assert first != second
    assert first.startswith("$argon2id$")
    assert passwords.check("correct horse", first) == passwords.Checked(True)
    assert passwords.check("correct Horse", first) == passwords.Checked(False)


def test_a_weak_argon2_hash_is_renewed() -> None:
    from pwdlib.hashers.argon2 import Argon2Hasher

    weak = Argon2Hasher(time_cost=1, memory_cost=1024).hash("correct horse")
    checked = passwords.check("correct horse", weak)
    assert checked.right
    assert checked.renewed
    assert passwords.check("correct horse", checked.renewed) == passwords.Checked(True)


@pytest.mark.parametrize("kept", ["", "plain", "$1$md5", "$argon2id$broken", "$2b$99$" + "x" * 53])
def test_what_is_no_hash_matches_nothing(kept: str) -> None:
    assert passwords.check(kept or "x", kept) == passwords.Checked(False)


def test_nobody_takes_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    worked = []
    verify = passwords._argon2.verify
    monkeypatch.setattr(
        type(passwords._argon2), "verify", lambda self, *a: worked.append(a[1]) or verify(*a)
    )
    kept = passwords.hashed("correct horse")
    assert not passwords.check("x", None).right
    assert not passwords.check("x", kept).right
    costs = [hash_.split("$")[3] for hash_ in worked]
    assert len(costs) == 2
    assert costs[0] == costs[1]
