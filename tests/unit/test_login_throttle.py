"""How often a password may be tried."""

from __future__ import annotations

from glue.core import login_throttle
from glue.core.login_throttle import TRIES, WINDOW, LoginThrottle

ADA, BOB = ("1.2.3.4", "ada"), ("1.2.3.4", "bob")


def test_too_many_tries_wait_until_the_oldest_is_over() -> None:
    throttle = LoginThrottle()
    assert [throttle.begin(ADA, now) for now in range(TRIES)] == [0.0] * TRIES
    assert throttle.begin(ADA, 100.0) == WINDOW - 100
    assert throttle.begin(BOB, 100.0) == 0
    assert throttle.begin(ADA, WINDOW) == 0
    assert throttle.begin(ADA, WINDOW) == 1.0


def test_success_forgives() -> None:
    throttle = LoginThrottle()
    for _ in range(TRIES):
        throttle.begin(ADA, 0.0)
    throttle.succeeded(ADA)
    assert throttle.begin(ADA, 0.0) == 0


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(login_throttle, "REMEMBERED", 3)
    throttle = LoginThrottle()
    for number in range(100):
        throttle.begin(("1.2.3.4", str(number)), 0.0)
    assert len(throttle._tries) == 3
