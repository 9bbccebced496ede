"""What may be somebody's user name and address. Older rows may have others; they keep them."""

from __future__ import annotations

from glue.core.names import is_visible

LONGEST_NAME = 50
LONGEST_EMAIL = 100

NOT_IN_NAMES = {
    "@": "it could be another's address, by which Grafana also finds people",
    ":": "tokens of machines sign with one",
    "/": "it would not fit into a path",
}


def name_objection(name: str) -> str | None:
    """Why ``name`` may not be chosen, as a sentence; None when it may."""
    if not name or len(name) > LONGEST_NAME:
        return f"A user name has 1 to {LONGEST_NAME} characters."
    if not is_visible(name):
        return "A user name has no space at its ends and only characters that can be seen."
    for sign, why in NOT_IN_NAMES.items():
        if sign in name:
            return f"A user name has no {sign}: {why}."
    return None


def email_objection(email: str) -> str | None:
    """Why ``email`` may not be kept, as a sentence; None when it may."""
    local, at, host = email.partition("@")
    printable = email.isprintable() and " " not in email
    if not (local and at and host) or "@" in host or not printable or len(email) > LONGEST_EMAIL:
        return f"An e-mail address is like ada@example.org, at most {LONGEST_EMAIL} characters."
    return None
