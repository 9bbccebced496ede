"""Telegraf's configuration from the topic model.

The templates are jinja2 with strict undefined: a name that the model does not have is an error,
never an empty string in the middle of a program.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

import jinja2

from glue.core.topics import REASONS, TopicModel

MAIN = "telegraf.conf.j2"
PROGRAM = "program.star.j2"

ID_CHARACTERS = string.ascii_letters + string.digits + "_.:-"
ID_MOST = 50

NAME_CHARACTERS = ID_CHARACTERS
UNIT_CHARACTERS = string.ascii_letters + string.digits + "%°µΩ/^*·._-⁻¹²³"
"""What a tag's text may be made of: no quote, comma, equals sign, backslash or line end."""

SPELLINGS = {
    "℃": "°C",
    "℉": "°F",
    "º": "°",
    "˚": "°",
    "° ": "°",
    "μ": "µ",  # the Greek letter for the micro sign
    "\u2126": "Ω",  # the ohm sign for the Greek letter
    "％": "%",
    "⁄": "/",
    "∕": "/",
    "−": "-",
    "⋅": "·",
    "∙": "·",
    "㎧": "m/s",
    "㎨": "m/s²",
    "㎜": "mm",
    "㎝": "cm",
    "㎞": "km",
    "㎏": "kg",
    "㎐": "Hz",
    "㎃": "mA",
    "㎷": "mV",
}
"""Signs in units that look like others: one unit is one tag value."""


class RenderError(Exception):
    """A template is unusable; the text names it and the line."""


class UnquotableError(ValueError):
    """A text cannot stand between quotes in the configuration."""


def _quoted(text: object) -> str:
    if not isinstance(text, str) or "'" in text or "\\" in text or not text.isprintable():
        raise UnquotableError(f"{text!r} cannot stand in Telegraf's configuration")
    return '"' + text.replace('"', '\\"') + '"'


def render(model: TopicModel, templates: Mapping[str, str]) -> str:
    """The text of ``telegraf.conf``. ``templates``: file name to text.

    Raises :class:`RenderError`.
    """

    def source(name: str) -> tuple[str, str, None] | None:
        # The second is the file's name in tracebacks, from which errors take the line.
        return (templates[name], name, None) if name in templates else None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
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
        "spellings": SPELLINGS,
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
    except (jinja2.UndefinedError, UnquotableError) as error:
        raise RenderError(f"{_template_line(error, templates)}: {error}") from None


def _template_line(error: BaseException, names: Mapping[str, str]) -> str:
    """``file:line`` of the template in which ``error`` was raised."""
    place, trace = PROGRAM, error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in names:
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
