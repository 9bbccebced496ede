"""What the routes of users take and give."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, Field

from glue.api.conventions.fields import Body, Name, Reply, Text, Utc
from glue.api.people.signed_in import Person
from glue.core import passwords, people
from glue.core.passwords import LONGEST
from glue.core.roles import Role

UserPath = Annotated[Text, Path(min_length=1, max_length=36, description="The user's `id`.")]


def _username(text: str) -> str:
    if why := people.name_objection(text):
        raise ValueError(why)
    return text


def _email(text: str) -> str:
    if why := people.email_objection(text):
        raise ValueError(why)
    return text


def _password(text: str) -> str:
    if why := passwords.objection(text):
        raise ValueError(why)
    return text


Username = Annotated[
    Text, Field(max_length=people.LONGEST_NAME, examples=["ada"]), AfterValidator(_username)
]
Email = Annotated[
    Text,
    Field(max_length=people.LONGEST_EMAIL, examples=["ada@example.org"]),
    AfterValidator(_email),
]
Password = Annotated[
    Text,
    Field(
        max_length=LONGEST,
        description=f"At least {passwords.SHORTEST} characters; a few words in a row are good.",
    ),
    AfterValidator(_password),
]


class UserFilter(BaseModel):
    """Which users; what is left out lets everybody through."""

    role: list[Role] | None = Field(None, max_length=3)
    is_active: bool | None = None
    text: Name | None = Field(None, description="In name or address, whatever its case.")


class Account(Person):
    """A user as admins see them, and as one sees oneself."""

    updated_at: Utc


class Deactivated(Account):
    """A user who is let in no more. `machine_tokens_revoked`: how many tokens that they made for
    machines ended with it; `system_logs` names them."""

    machine_tokens_revoked: int


class Accounts(Reply):
    """A page of users; `next` is the cursor of the next one, null on the last."""

    items: list[Account]
    next: str | None


class AccountMade(Account):
    """A user with the password that was generated for them: it is shown this once. Null where a
    password was given."""

    password: str | None


class PasswordMade(Reply):
    """The password that was generated: it is shown this once. Null where one was given."""

    password: str | None


class NewUser(Body):
    """Without a password one is generated."""

    username: Username
    email: Email
    role: Role = "viewer"
    password: Password | None = None


class UserEdit(Body):
    """What is left out stays."""

    username: Username | None = None
    email: Email | None = None
    role: Role | None = None


class NewPassword(Body):
    """Without a password one is generated."""

    password: Password | None = None


class OwnPassword(Body):
    """The one you have, and the one you want."""

    old_password: Annotated[Text, Field(min_length=1, max_length=LONGEST)]
    new_password: Password
