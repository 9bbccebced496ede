"""How often a password may be tried."""

from __future__ import annotations

from itertools import pairwise

import pytest

from glue.core import login_throttle
from glue.core.login_throttle import ADDRESS, NAME, PAIR, LoginThrottle, Try

ADA = Try("1.2.3.4", "ada")
BOB = Try("1.2.3.4", "bob")


def failing(throttle: LoginThrottle, given: Try, times: int, now: float = 0.0) -> float:
    """Fail ``times`` times, waiting as told; when the last one was."""
    for _ in range(times):
        while wait := throttle.begin(given, now):
            now += wait
    return now


def test_ten_failures_are_free_then_each_wait_is_twice_the_one_before() -> None:
    throttle = LoginThrottle()
    assert failing(throttle, ADA, PAIR.free) == 0
    now, waits = 0.0, []
    for _ in range(5):
        waits.append(throttle.begin(ADA, now))
        now += waits[-1]
        assert throttle.begin(ADA, now) == 0
    assert waits == [PAIR.first * 2**n for n in range(5)]
    assert throttle.begin(BOB, now) == 0, "another name from there does not mind"


def test_asking_while_waiting_makes_the_wait_no_longer() -> None:
    throttle = LoginThrottle()
    failing(throttle, ADA, PAIR.free)
    for tenth in range(30):
        assert throttle.begin(ADA, tenth / 10) == pytest.approx(PAIR.first - tenth / 10)
    assert throttle.begin(ADA, PAIR.first) == 0


def test_guessing_without_pause_comes_to_a_dozen_tries_an_hour() -> None:
    throttle, now, tries = LoginThrottle(), 0.0, []
    while now < 24 * 3600:
        wait = throttle.begin(ADA, now)
        if not wait:
            tries.append(now)
        now += wait
    in_the_last_hour = [at for at in tries if at > 23 * 3600]
    assert len(in_the_last_hour) <= 3600 / PAIR.forgets + 1
    assert max(b - a for a, b in pairwise(tries)) <= PAIR.longest


def test_success_forgives_this_address_in_this_name() -> None:
    throttle = LoginThrottle()
    failing(throttle, ADA, PAIR.free - 1)
    throttle.succeeded(ADA)
    assert failing(throttle, ADA, PAIR.free) == 0


def test_a_guesser_who_logs_in_as_himself_is_not_forgiven() -> None:
    throttle, now = LoginThrottle(), 0.0
    for number in range(ADDRESS.free):
        assert throttle.begin(Try("6.6.6.6", f"user{number}"), now) == 0
        mallory = Try("6.6.6.6", "mallory")
        if throttle.begin(mallory, now) == 0:
            throttle.succeeded(mallory)
    assert throttle.begin(Try("6.6.6.6", "one more"), now) > 0


def test_a_stranger_cannot_lock_a_user_out() -> None:
    """From a botnet that never stops, in her name: she logs in at her first try, from anywhere."""
    throttle = LoginThrottle()
    now = 0.0
    for number in range(5000):
        now += 1.0
        throttle.begin(Try(f"10.0.{number % 50}.{number % 200}", "ada"), now)
    assert throttle.begin(Try("6.6.6.6", "ada"), now) == 0, "a first try from a new address"
    at_home = Try("192.168.1.2", "ada", known=True)
    for _ in range(PAIR.free):
        assert throttle.begin(at_home, now) == 0, "typing errors where she has logged in before"
    assert throttle.begin(Try("10.0.0.0", "ada"), now) > 0
    stranger = Try("6.6.6.6", "ada")
    assert 0 < throttle.begin(stranger, now) <= NAME.longest, "a second try waits, but not for long"


def test_one_bad_neighbour_does_not_lock_out_who_has_logged_in_from_there() -> None:
    throttle = LoginThrottle()
    for number in range(1000):
        throttle.begin(Try("1.2.3.4", f"guess{number}"), 0.0)
    assert throttle.begin(Try("1.2.3.4", "new"), 0.0) > 0
    assert throttle.begin(Try("1.2.3.4", "ada", known=True), 0.0) == 0


def test_an_ipv6_address_counts_with_its_network_and_names_whatever_their_case() -> None:
    throttle = LoginThrottle()
    for number in range(PAIR.free):
        assert throttle.begin(Try(f"2001:db8::{number:x}", "Ada"), 0.0) == 0
    assert throttle.begin(Try("2001:db8::ffff:1", "ada"), 0.0) > 0
    assert throttle.begin(Try("2001:db8:0:1::1", "ada"), 0.0) == 0
    for _ in range(PAIR.free):
        throttle.begin(Try("::ffff:1.2.3.4", "bob"), 0.0)
    assert throttle.begin(Try("1.2.3.4", "bob"), 0.0) > 0


def test_a_try_that_came_to_nothing_is_taken_back() -> None:
    throttle = LoginThrottle()
    for _ in range(1000):
        assert throttle.begin(ADA, 0.0) == 0
        throttle.withdrawn(ADA)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_throttle, "REMEMBERED", 3)
    throttle = LoginThrottle()
    for number in range(100):
        throttle.begin(Try(f"1.2.3.{number}", str(number)), 0.0)
    for count in (throttle._pairs, throttle._addresses, throttle._names):
        assert len(count._failures) == 3
