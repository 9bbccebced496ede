"""Operations of the API as the console calls them: as functions, without a request in between.

FastAPI leaves the function of a route as it was written. It says itself who may call it
(``user: access.Operator``), so a role stands in one place, and it records, holds, compares versions
and refuses as for any other caller.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from inspect import signature
from typing import Any, TypeVar, get_args, get_type_hints

from fastapi import Request, Response
from fastapi.params import Depends

from glue.api.conventions import access
from glue.api.conventions.callers import Caller
from glue.api.conventions.problems import of_names
from glue.core.roles import Role, allows
from glue.store.references import InUse, UnknownNames

Kind = TypeVar("Kind")
Operation = Callable[..., Coroutine[Any, Any, Kind]]


async def perform(
    operation: Operation[Kind], request: Request, caller: Caller, **given: Any
) -> Kind:
    """What ``operation`` answers to ``caller``. Raises what it raises, and ``ProblemError`` 403
    when it takes another role; the refusal is recorded."""
    await access.require(request, caller, least(operation))
    for name, value in {"request": request, "response": Response()}.items():
        if name in signature(operation).parameters:
            given[name] = value
    try:
        return await operation(user=caller, **given)
    except (UnknownNames, InUse) as error:
        raise of_names(error) from None


@cache
def least(operation: Operation[Any]) -> Role:
    """The least role that may call ``operation``, as its signature says."""
    for said in get_args(get_type_hints(operation, include_extras=True)["user"])[1:]:
        if isinstance(said, Depends) and isinstance(said.dependency, access.Access):
            return said.dependency.least
    raise TypeError(f"{operation.__qualname__} does not say who may call it")


class May:
    """``may("update_robot")`` in a template: whether the page's reader could, so that nobody is
    shown a button that will be refused."""

    def __init__(self, operations: Mapping[str, Operation[Any]], role: str) -> None:
        self._operations = operations
        self._role = role

    def __call__(self, name: str) -> bool:
        return allows(self._role, least(self._operations[name]))

    def if_there_is(self, name: str) -> bool:
        """The same for an operation that not every glue has."""
        return name in self._operations and self(name)
