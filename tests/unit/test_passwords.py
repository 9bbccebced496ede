"""Passwords: what is accepted, and what a login compares."""

from __future__ import annotations

import time

import pytest

from glue.core import passwords


@pytest.mark.parametrize(
    "password",
    [
        *("short", "a" * 20, "abababababab", "x\x00yzzyzzyzzyzz", "my name is ada1"),
        "ab cd ef " * 30,
        # Common ones, with what people put behind them.
        *("password12", "1234567890", "qwertyuiop", "letmein123", "iloveyou12", "P@ssw0rd123"),
        *("Password1234", "football2024", "1q2w3e4r5t", "trustno1trustno1", "administrator"),
        # The product's names.
        *("tonypi2026", "TonyPi12345", "robot12345", "grafana123", "hiwonder2026"),
    ],
)
def test_objections(password: str) -> None:
    assert passwords.objection(password, "Ada")


def test_words_in_a_row_are_fine() -> None:
    assert passwords.objection("correct horse battery", "ada") is None
    assert passwords.objection("пароль из слов", "ada") is None


def test_generated_passwords_are_never_refused() -> None:
    assert not [
        one for one in (passwords.generated() for _ in range(50)) if passwords.objection(one)
    ]


def test_the_longest_password_is_judged_in_no_time() -> None:
    # What is costly for the estimate: characters that stand for several letters.
    for costly in ("p@5$w0rd4!1|0" * 19, "4@8({[<6936" * 23):
        began = time.process_time()
        passwords.objection(costly)
        assert time.process_time() - began < 1


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
