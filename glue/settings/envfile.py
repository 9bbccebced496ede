"""Environment files, read by the rules of Docker Compose, so that ``.env`` means the same to both.

The rules are those of compose-go's ``dotenv`` and ``template`` (v2.16): comments, quotes, values
over several lines, ``export``, ``NAME: value``, and ``$NAME``, ``${NAME}``, ``${NAME:-default}``
outside single quotes, from the environment first and then from the lines before. python-dotenv
reads other things: it leaves ``$NAME`` and ``$$`` as they are and knows no ``:`` between name and
value. No message repeats any part of a value, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from glue.settings.group import SettingsError

_SPACE = " \t\v\f\r\x85\xa0"
_ESCAPE = re.compile(r"\\(?:0\d{0,3}|[abcfnrtv$\"\\])")
_ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)|(?P<braced>\{))", re.IGNORECASE
)
_BRACED = re.compile(
    r"(?P<name>[_a-z][_a-z0-9]*)(?:(?P<how>:?[-+?])(?P<rest>.*))?", re.IGNORECASE | re.DOTALL
)
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=-]*")


class Unreadable(ValueError):
    """What is wrong with a line, and its number; never what it says."""


@dataclass
class File:
    """``blank``: names whose value refers to a variable that is not set, where Compose warns and
    leaves nothing."""

    values: dict[str, str] = field(default_factory=dict)
    blank: set[str] = field(default_factory=set)


def read(path: Path, environ: Mapping[str, str] | None) -> File:
    """What the file at ``path`` says; nothing where there is none.

    ``environ`` is what its variables are looked up in; ``None`` leaves every ``$`` as it is. Raises
    :class:`SettingsError`, naming file and line, for what Compose would refuse too.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return File()
    except UnicodeDecodeError:
        raise SettingsError(f"unusable setting: {path} is not UTF-8 text") from None
    try:
        return parse(text, environ)
    except Unreadable as error:
        raise SettingsError(
            f"unusable setting: {path}, {error}; Docker Compose would not read it either"
        ) from None


def parse(text: str, environ: Mapping[str, str] | None = None) -> File:
    """The names and values of an environment file's ``text``. Raises :class:`Unreadable`."""
    file = File()
    position = 0
    while (position := _statement(text, position)) < len(text):
        line = text.count("\n", 0, position) + 1
        try:
            name, position, inherits = _name(text, position)
            if inherits:
                if (value := (environ or {}).get(name)) is not None:
                    file.values[name] = value
                continue
            variables = None if environ is None else _Variables(environ, file.values)
            file.values[name], position = _value(text, position, variables)
            if variables and variables.missing:
                file.blank.add(name)
        except Unreadable as error:
            raise Unreadable(f"line {line}: {error}") from None
    return file


@dataclass
class _Variables:
    """The environment first, then the lines before. ``missing``: one was asked for in vain."""

    environ: Mapping[str, str]
    before: Mapping[str, str]
    missing: bool = False

    def get(self, name: str) -> str | None:
        return self.environ.get(name, self.before.get(name))

    def need(self, name: str) -> str:
        value = self.get(name)
        self.missing = self.missing or value is None
        return value or ""


def quoted(value: str) -> str:
    """``value`` as it stands behind ``NAME=``, so that :func:`parse` and Compose give it back."""
    if _PLAIN.fullmatch(value):
        return value
    # Between single quotes nothing is expanded; but there only a quote can be escaped.
    if not value.endswith("\\") and "\\'" not in value:
        return "'" + value.replace("'", "\\'") + "'"
    return '"' + re.sub(r'[\\"$]', r"\\\g<0>", value) + '"'


def _statement(text: str, position: int) -> int:
    """Where the next statement begins: behind blank lines and comments."""
    while position < len(text):
        if text[position] == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif not text[position].isspace():
            break
        else:
            position += 1
    return position


def _name(text: str, position: int) -> tuple[str, int, bool]:
    """Name, where its value begins, and whether it has none here but the environment's."""
    if re.compile(r"export\s").match(text, position):
        position = _after_space(text, position + len("export"))
        if position == len(text):
            raise Unreadable("export is not followed by a name")
    for end in range(position, len(text)):
        character = text[end]
        if character in "=:\n":
            break
        if not (character in _SPACE or character in "_.-[]" or character.isalnum()):
            raise Unreadable("a name has a character that no name can have")
    else:
        # Compose takes what stands alone on the last line for a value without a name.
        return "", position, False
    name = text[position:end].rstrip()
    if " " in name:
        raise Unreadable("a name has a space in it")
    return name, _after_space(text, end + 1), text[end] == "\n"


def _after_space(text: str, position: int) -> int:
    """The next character that is no space; the end of a line is none."""
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _value(text: str, position: int, variables: _Variables | None) -> tuple[str, int]:
    """Value, and where its statement ends. ``variables`` None: variables stay as they are."""
    quote = text[position : position + 1]
    if quote not in ("'", '"'):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        value = text[position:end].partition(" #")[0].rstrip()
        return (_expanded(value, variables) if variables else value), end
    characters: list[str] = []
    escaped = False
    for at in range(position + 1, len(text)):
        character = text[at]
        if character == quote and not escaped:
            value = "".join(characters)
            if quote == '"':
                value = _ESCAPE.sub(_unescaped, value)
                value = _expanded(value, variables) if variables else value.replace("$$", "$")
            return value, at + 1
        if character == "\\" and not escaped:
            escaped = True
            continue
        if escaped and character != quote:
            characters.append("\\")
        escaped = False
        characters.append(character)
    raise Unreadable("a quoted value does not end")


def _unescaped(match: re.Match[str]) -> str:
    code = match[0][1:]
    if code == "$":
        return "$$"
    if code[0] == "0":
        # Go wants three digits of a byte here, and leaves others as they are.
        octal = re.fullmatch(r"0([0-3][0-7]{2})", code)
        return chr(int(octal[1], 8)) if octal else match[0]
    if code == "c":
        return match[0]
    return _ESCAPED.get(code, code)


def _expanded(value: str, variables: _Variables) -> str:
    """``value`` with its variables replaced, once; what they stand for is not looked at again."""
    parts: list[str] = []
    position = 0
    while match := _VARIABLE.search(value, position):
        parts.append(value[position : match.start()])
        position = match.end()
        if match["escaped"]:
            parts.append("$")
        elif match["named"]:
            parts.append(variables.need(match["named"]))
        else:
            end = _closing(value, position)
            parts.append(_replaced(value[position:end], variables))
            position = end + 1
    return "".join((*parts, value[position:]))


def _closing(value: str, position: int) -> int:
    depth = 1
    for at in range(position, len(value)):
        depth += {"{": 1, "}": -1}.get(value[at], 0)
        if not depth:
            return at
    raise Unreadable("a ${ has no }; single quotes around the value leave it as it is")


def _replaced(inside: str, variables: _Variables) -> str:
    match = _BRACED.fullmatch(inside)
    if not match:
        raise Unreadable("a ${…} is no variable; single quotes around the value leave it as it is")
    value, how = variables.get(match["name"]), match["how"] or ""
    given = bool(value) if how.startswith(":") else value is not None
    if how.endswith("-"):
        return (value or "") if given else _expanded(match["rest"], variables)
    if how.endswith("+"):
        return _expanded(match["rest"], variables) if given else (value or "")
    if how.endswith("?") and not given:
        raise Unreadable("a variable that ${…?} asks for is not set")
    return value or "" if how else variables.need(match["name"])
