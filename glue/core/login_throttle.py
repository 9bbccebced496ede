"""How often somebody may try a password: guessing must be slow, a typing error must not hurt, and
nobody can lock out somebody else.

Three counts of failures, each with a number that is free and a wait that doubles from there
(decision 0019): of an address and a name together, of an address whatever the name, and of a name
whatever the address. Two exceptions keep a stranger from locking a user out by failing in his name:

- an address from which the user has logged in before only minds the first count;
- the first try of an address in a name does not mind the third: who knows the password gets in.

In memory: a restart forgives.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(frozen=True)
class Limit:
    """``free`` failures cost nothing, the next one ``first`` seconds, each one more twice that, up
    to ``longest``. One failure is forgotten every ``forgets`` seconds."""

    free: int
    first: float
    longest: float
    forgets: float

    def wait(self, failures: float) -> float:
        """Seconds from the last failure to the next try."""
        beyond = round(failures) - self.free
        if beyond < 0:
            return 0.0
        return min(self.longest, self.first * 2.0 ** min(beyond, 60))


PAIR = Limit(free=10, first=4, longest=300, forgets=300)
ADDRESS = Limit(free=30, first=4, longest=300, forgets=30)
NAME = Limit(free=30, first=4, longest=60, forgets=30)

REMEMBERED = 20_000
"""Entries of each count at most; beyond it the one tried longest ago is forgotten."""


@dataclass(frozen=True)
class Try:
    """``address`` and user name (whatever its case) of a login. ``known``: this user has logged in
    from there before."""

    address: str
    username: str
    known: bool = False


@dataclass
class _Failures:
    number: float
    at: float


class _Count:
    """Failures by key."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._failures: dict[Hashable, _Failures] = {}

    def number(self, key: Hashable, now: float) -> float:
        known = self._failures.get(key)
        if known is None:
            return 0.0
        return max(0.0, known.number - (now - known.at) / self.limit.forgets)

    def wait(self, key: Hashable, now: float) -> float:
        known = self._failures.get(key)
        if known is None:
            return 0.0
        return max(0.0, known.at + self.limit.wait(known.number) - now)

    def add(self, key: Hashable, now: float) -> None:
        number = self.number(key, now) + 1
        self._failures.pop(key, None)
        self._failures[key] = _Failures(number, now)
        if len(self._failures) > REMEMBERED:
            del self._failures[next(iter(self._failures))]

    def take_back(self, key: Hashable) -> None:
        if known := self._failures.get(key):
            known.number -= 1
            if known.number <= 0:
                del self._failures[key]

    def forget(self, key: Hashable) -> None:
        self._failures.pop(key, None)


class LoginThrottle:
    """Counts tries. ``now`` is any monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._pairs = _Count(PAIR)
        self._addresses = _Count(ADDRESS)
        self._names = _Count(NAME)

    def begin(self, given: Try, now: float) -> float:
        """Count a try; gives 0, or the seconds to wait when there were too many failures.

        It counts before the password is checked, so that tries side by side count as well. A try
        that has to wait does not count: the wait does not grow by asking.
        """
        address, name = _network(given.address), given.username.casefold()
        pair = (address, name)
        wait = self._pairs.wait(pair, now)
        if not given.known:
            wait = max(wait, self._addresses.wait(address, now))
            if self._pairs.number(pair, now) > 0:
                wait = max(wait, self._names.wait(name, now))
        if wait > 0:
            return wait
        self._pairs.add(pair, now)
        self._addresses.add(address, now)
        self._names.add(name, now)
        return 0.0

    def withdrawn(self, given: Try) -> None:
        """The try came to nothing: it is as if it had not been."""
        address, name = _network(given.address), given.username.casefold()
        self._pairs.take_back((address, name))
        self._addresses.take_back(address)
        self._names.take_back(name)

    def succeeded(self, given: Try) -> None:
        """The password was right: this address' failures in this name are forgiven. Those of others
        are not, else a guesser would log in as himself now and then."""
        address, name = _network(given.address), given.username.casefold()
        self._pairs.forget((address, name))
        self._addresses.take_back(address)
        self._names.take_back(name)


def _network(address: str) -> str:
    """Who has one IPv6 address has its whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
