"""Telegraf's configuration from the topic model.

The templates are jinja2 with strict undefined: a name that the model does not have is an error,
never an empty string in the middle of a program.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

import jinja2

from glue.core import robot_id
from glue.core.topics import REASONS, TopicModel

MAIN = "telegraf.conf.j2"
PROGRAM = "program.star.j2"

ID_CHARACTERS = string.ascii_letters + string.digits + "_.:-"
ID_MOST = 50

NAME_CHARACTERS = ID_CHARACTERS
UNIT_CHARACTERS = string.ascii_letters + string.digits + "%°µ/^*._-²³ "
"""What a tag's text may be made of: no quote, comma, equals sign, backslash or line end."""


class RenderError(Exception):
    """A template is unusable; the text names it and the line."""


def _quoted(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    if "'" in text or "\\" in text or not text.isprintable():
        raise ValueError(f"{text!r} cannot stand in Telegraf's configuration")
    return '"' + text.replace('"', '\\"') + '"'


def render(model: TopicModel, templates: Mapping[str, str]) -> str:
    """The text of ``telegraf.conf``. ``templates``: file name to text.

    Raises :class:`RenderError`.
    """
    assert robot_id.is_robot_id(ID_CHARACTERS[:ID_MOST])
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["tojson"] = _quoted
    names = {
        "model": model,
        "reasons": REASONS,
        "id_characters": ID_CHARACTERS,
        "id_most": ID_MOST,
        "name_characters": NAME_CHARACTERS,
        "unit_characters": UNIT_CHARACTERS,
    }
    try:
        program = environment.get_template(PROGRAM).render(names)
        if "'''" in program:
            raise RenderError(f"{PROGRAM}: ''' would end the program inside {MAIN}")
        return environment.get_template(MAIN).render(program=program, **names)
    except jinja2.TemplateSyntaxError as error:
        where = f"{error.name or PROGRAM}:{error.lineno}"
        raise RenderError(f"{where}: {error.message}") from None
    except jinja2.TemplateNotFound as error:
        raise RenderError(f"{error.name}: there is no such template") from None
    except jinja2.UndefinedError as error:
        raise RenderError(f"{_template_line(error)}: {error.message}") from None


def _template_line(error: BaseException) -> str:
    """``file:line`` of the template in which ``error`` was raised."""
    place, trace = PROGRAM, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__jinja_template__")
        if name is not None:
            line = name.get_corresponding_lineno(trace.tb_lineno)
            place = f"{name.name or PROGRAM}:{line}"
        trace = trace.tb_next
    return place
