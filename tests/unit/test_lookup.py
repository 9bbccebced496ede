"""What is made of an observation that brings a margin and no reading."""

from datetime import UTC, datetime

from glue.alerts.lookup import Facts, Found, complete
from glue.core.endings import Limit
from glue.core.episodes import Known
from glue.core.occurrences import Observation

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOT = Observation("servo_temp", "r1", "warning", True, T0, T0, "push", margin=2.0)
LIMITS = Facts({}, {("servo_temp", "r1", "warning"): Limit(60, 57)})
PAIR = ("servo_temp", "r1")


def test_the_reading_is_the_one_that_the_margin_was_worked_out_of():
    """Not the newest, which may be of hours later, when the history is caught up on."""
    now_cool = Found({PAIR: 31.0}, {PAIR: "servo_3"}, asked=True)
    seen = complete(HOT, LIMITS, now_cool, Known())
    assert (seen.value, seen.limit, seen.recovery) == (66.0, 60, 57)
    assert seen.message == "Servo temperature is 66 °C, above the warning limit of 60 °C."
    assert complete(HOT, Facts({}, {}), now_cool, Known()).value == 31.0, "no limit to work with"
