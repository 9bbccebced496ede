"""Who may stop robots while PostgreSQL, which knows the people, is away.

Then a person's access token alone is believed: it is signed by us and lives for minutes. That the
person was deactivated or logged out since is not seen; the worst that comes of it is robots that
stand still. A machine's token is known to PostgreSQL only and has to wait for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import structlog
from fastapi import Depends, Request

from glue import store
from glue.api.conventions import access
from glue.api.conventions.callers import MACHINE, Caller
from glue.api.conventions.problems import ProblemError
from glue.api.people import tokens
from glue.core.roles import allows

log = structlog.get_logger()

STORE_WITHIN_S = 1.0


class AccessAlways(access.Access):
    """Like :class:`access.Access`, also while PostgreSQL is away."""

    async def __call__(
        self, request: Request, token: Annotated[str | None, Depends(access.bearer)]
    ) -> Caller:
        try:
            return await store.within(STORE_WITHIN_S, super().__call__(request, token))
        except store.StoreUnavailable:
            return self.believed(request, token)

    def believed(self, request: Request, token: str | None) -> Caller:
        """The person whom ``token`` names. Raises ``ProblemError`` 401, 403, 503."""
        if token is None or token.startswith(MACHINE):
            raise ProblemError(
                503,
                "PostgreSQL, which knows the tokens of machines, cannot be reached; nothing was "
                "sent. A person who is logged in can stop robots now.",
                "store-unavailable",
            )
        try:
            named = tokens.read(token, request.app.state.settings.glue)
        except tokens.BadToken as error:
            raise ProblemError(401, str(error), headers={"WWW-Authenticate": "Bearer"}) from None
        if not allows(named.role, self.least):
            raise ProblemError(403, f"This takes the role {self.least}.")
        log.warning("api.token_believed", user_id=named.user_id, path=request.url.path)
        now = datetime.now(UTC)
        name = f"user {named.user_id}"
        return Caller(named.user_id, name, "", "", named.role, True, now, now, named.session_id)


OperatorAlways = Annotated[Caller, Depends(AccessAlways("operator"))]
