"""Names that are given, beside those that there are."""

from __future__ import annotations

import pytest

from glue.core.references import hint, is_pattern, unknown, unmatched

ROBOTS = {"lab-pi1", "lab-pi2", "Hall_7"}


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("lab-p2", "did you mean lab-pi2?"),
        ("LAB-PI1", "did you mean lab-pi1?"),
        ("hall-7", "did you mean Hall_7?"),
        ("zzz", "there are Hall_7, lab-pi1, lab-pi2"),
    ],
)
def test_the_nearest_name_is_suggested_or_all_of_a_few(given: str, near: str) -> None:
    assert hint(given, ROBOTS) == near
    assert unknown("robot", [given, "lab-pi1"], ROBOTS) == [f"{given} is no robot; {near}"]


def test_of_many_a_few_are_listed_and_of_none_none() -> None:
    many = {f"r{n:02}" for n in range(30)}
    assert hint("zzz", many) == "there are r00, r01, r02, r03, r04, r05, r06, r07 and others"
    assert hint("zzz", set()) == "there is none yet"


def test_a_pattern_that_matches_nothing_is_remarked_upon() -> None:
    assert [is_pattern(one) for one in ("lab-*", "lab-?", "lab-[12]", "lab-1")] == [1, 1, 1, 0]
    said = unmatched("robot", ["lab-*", "shed-*", "shed-*"], ROBOTS)
    assert said == ["shed-* matches no robot now; it counts for any that comes"]
