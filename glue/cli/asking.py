"""Secrets that commands ask for: at a terminal without showing them, else a line of a pipe."""

from __future__ import annotations

import sys

import typer


def secret(what: str, confirm: bool = False) -> str:
    """What was typed or piped. ``confirm``: a terminal asks twice."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm))
    return sys.stdin.readline().rstrip("\r\n")
