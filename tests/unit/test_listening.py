"""The listening clock may run slow and never fast."""

from glue.core.listening import ListeningClock

EVERY = 2.0


def run(*arrivals: float) -> float:
    clock = ListeningClock()
    for arrived in arrivals:
        clock = clock.beat(arrived, EVERY)
    return clock.listened


def test_regular_heartbeats_run_the_clock_from_the_second_one_on():
    assert run(100) == 0
    assert run(100, 102, 104) == 4


def test_a_late_heartbeat_counts_as_one_interval():
    # Robots' messages of the missed time may come after it.
    assert run(0, 5.5) == 2


def test_a_gap_adds_nothing_and_listening_goes_on_after_it():
    assert run(0, 2, 3600, 3602) == 4


def test_bunched_heartbeats_add_only_the_time_that_really_passed():
    assert round(run(0, 10, 10.1, 10.2, 10.3), 6) == 0.3


def test_time_that_goes_back_adds_nothing():
    assert run(10, 8, 12) == 2
