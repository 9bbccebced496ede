"""The administrator's token, as 1.x and 2.x want to be shown it.

It is generated as a 1.x login, ``user:password``. On 2.x it is the password alone: ``/query`` there
takes what stands before a colon for a name and drops it, the rest of the API takes it as it stands.
Whoever writes or deletes through that API therefore has to know which of the two answers.
"""

from __future__ import annotations

from http import HTTPStatus

from pydantic import SecretStr

GENERATION = "/api/v2/setup"
"""What to GET. 1.12 has parts of the 2.x API, but nothing to set up; versions may be unstamped."""


def is_second(status: int) -> bool:
    """Whether who answers :data:`GENERATION` with ``status`` is a 2.x."""
    return status == HTTPStatus.OK


def of_second(token: SecretStr) -> str:
    """The token for the API of a 2.x."""
    return token.get_secret_value().rpartition(":")[2]
