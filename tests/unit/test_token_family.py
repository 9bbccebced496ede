"""Refresh tokens: whatever is shown, in whatever order, a thief and the owner never both go on."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from glue.core import token_family
from glue.core.token_family import AGAIN_WITHIN, Shown, digest, judge, successor

SECRET = "s" * 32


@dataclass
class Family:
    """As the tables keep one: the digest of each token, when it was rotated and into what."""

    now: float = 0.0
    live: bool = True
    rotated: dict[bytes, tuple[float, bytes] | None] = field(default_factory=dict)

    def show(self, token: str) -> str | None:
        """The next token, or None."""
        kept = self.rotated.get(digest(token), "unknown")
        if kept == "unknown":
            return None
        used = isinstance(kept, tuple) and self.rotated[kept[1]] is not None
        ago = self.now - kept[0] if isinstance(kept, tuple) else None
        verdict = judge(Shown(ago, used, self.live))
        after = successor(token, SECRET)
        if verdict == "rotate":
            self.rotated[digest(token)] = (self.now, digest(after))
            self.rotated[digest(after)] = None
        if verdict == "reuse":
            self.live = False
        return after if verdict in ("rotate", "again") else None


class OwnerAndThief(RuleBasedStateMachine):
    """The owner refreshes, loses answers and tries again; a thief has copied a token."""

    def __init__(self) -> None:
        super().__init__()
        self.family = Family()
        self.owner = token_family.first()
        self.family.rotated[digest(self.owner)] = None
        self.thief: str | None = None
        self.seen = [self.owner]
        self.robbed_ago = 0

    @rule(seconds=st.sampled_from([0.5, 5.0, 20.0, 900.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.family.now += seconds

    @rule(lost=st.booleans())
    def owner_refreshes(self, lost: bool) -> None:
        given = self.family.show(self.owner)
        if given and not lost:
            self.owner = given
            self.seen.append(given)
        elif given:
            # The answer got lost; an honest client tries again at once.
            assert self.family.show(self.owner) == given

    @rule(data=st.data())
    def thief_copies(self, data: st.DataObject) -> None:
        self.thief = data.draw(st.sampled_from(self.seen))

    @precondition(lambda self: self.thief is not None)
    @rule()
    def thief_refreshes(self) -> None:
        assert self.thief is not None
        self.thief = self.family.show(self.thief)

    @rule()
    def somebody_makes_one_up(self) -> None:
        live = self.family.live
        assert self.family.show(token_family.first()) is None
        assert self.family.live == live

    @invariant()
    def one_token_is_good(self) -> None:
        good = [kept for kept in self.family.rotated.values() if kept is None]
        assert len(good) == 1

    @invariant()
    def an_old_token_is_no_use_and_ends_the_session(self) -> None:
        if not self.family.live:
            assert all(self.family.show(token) is None for token in self.seen)


TestOwnerAndThief = OwnerAndThief.TestCase


@given(st.integers(1, 20))
def test_two_who_go_on_with_one_token_are_both_out(apart: int) -> None:
    family = Family()
    stolen = token_family.first()
    family.rotated[digest(stolen)] = None
    owners: str | None = family.show(stolen)
    for _ in range(apart):
        family.now += AGAIN_WITHIN + 1
        assert owners is not None
        owners = family.show(owners)
    assert family.show(stolen) is None
    assert owners is not None
    assert family.show(owners) is None


def test_a_lost_answer_is_repeated_for_seconds_and_never_after_its_use() -> None:
    family = Family()
    token = token_family.first()
    family.rotated[digest(token)] = None
    given = family.show(token)
    family.now += AGAIN_WITHIN
    assert family.show(token) == given
    assert given is not None
    assert family.show(given)
    assert family.show(token) is None
    assert not family.live


def test_a_successor_cannot_be_told_without_the_secret() -> None:
    token = token_family.first()
    assert successor(token, SECRET) == successor(token, SECRET)
    assert successor(token, SECRET) != successor(token, "t" * 32)
    assert token.startswith(token_family.PREFIX)
    assert len(token) == len(successor(token, SECRET)) == len(token_family.PREFIX) + 43
