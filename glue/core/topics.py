"""The topic model: what robots send on each metric topic, and what becomes of it in InfluxDB.

``telegraf/topics.yml`` is the text of it. :func:`parse` turns that text into values or into a
:class:`TopicModelError` that names file, line and field; ``topics_render`` writes Telegraf's
configuration from the values. Nothing here reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

REASONS = (
    "not_json",
    "wrong_type",
    "missing_id",
    "bad_id",
    "out_of_range",
    "too_big",
    "unknown_topic",
)
"""Why a message or a part of it was refused: tag ``reason`` of measurement ``refused``."""

CLOCK_REASONS = ("ok", "behind", "ahead", "unreadable", "missing", "expired")
"""What a robot's own time was worth: tag ``reason`` of measurement ``clock``. ``expired``: older
than InfluxDB keeps and perhaps a retained copy, so not stored."""


class TopicModelError(Exception):
    """The topic model is unusable; the text has one ``file:line: field: what`` a line."""


def _bounds(value: tuple[float, ...]) -> tuple[float, ...]:
    if len(value) not in (2, 3):
        raise ValueError("a range is [lowest, highest] or [lowest, highest, clamped up to]")
    low, high, clamped = value[0], value[1], value[-1]
    if low >= high:
        raise ValueError(f"the lowest value {low:g} is not below the highest {high:g}")
    if clamped < high:
        raise ValueError(f"values are clamped up to {clamped:g}, below the highest {high:g}")
    return value


Range = Annotated[tuple[float, ...], AfterValidator(_bounds)]
"""Lowest and highest plausible value, both allowed; a third is up to which a value above the
highest is stored as the highest."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
"""Of a measurement, tag or field in InfluxDB."""

Key = Annotated[str, Field(min_length=1, max_length=64)]
"""Of a member of a payload."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return value


class Tag(_Part):
    """A tag whose value the payload gives; only a sane, short text may become one."""

    source: Key | None = Field(None, alias="from")
    characters: Literal["name", "unit"]
    most: int = Field(ge=1, le=255)
    required: bool = False


class RangeBy(_Part):
    """Closer ranges, chosen by the value of a tag."""

    tag: Name
    ranges: dict[Key, Range]

    @field_validator("ranges", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return value


class PayloadField(_Part):
    """A field of a point. Its type never changes, or InfluxDB would refuse the point."""

    source: tuple[Key, ...] = Field((), alias="from")
    """Members of the payload, first found wins; empty: the one called like the field."""
    type: Literal["float", "int", "bool"]
    unit: str | None = None
    range: Range | None = None
    range_by: RangeBy | None = None
    from_bool: bool = False
    """Whether true and false are taken as 1 and 0."""

    @model_validator(mode="after")
    def _measurable(self) -> PayloadField:
        if self.type == "bool":
            if self.range or self.range_by or self.unit or self.from_bool:
                raise ValueError("a bool has no unit, range or from_bool")
        elif self.range is None or self.unit is None:
            raise ValueError(f"a field of type {self.type} needs a unit and a range")
        return self

    def keys(self, field: str) -> tuple[str, ...]:
        return self.source or (field,)


class Copied(_Part):
    """A field that takes the value of messages whose tag is one of ``when``."""

    when: tuple[Key, ...] = Field(min_length=1)
    unit: str


class Copies(_Part):
    """A second point from the same value: the field is chosen by a tag of the first."""

    measurement: Name
    field: Name
    by: Name
    fields: dict[Name, Copied] = Field(min_length=1)


class Each(_Part):
    """The payload holds an object of objects; each member is a point, tagged with its key."""

    of: Key
    tag: Name
    most: int = Field(ge=1, le=1000)


class Point(_Part):
    """One measurement that messages of a topic feed."""

    measurement: Name
    required: bool = False
    """Whether a message that says nothing of it is refused."""
    inside: Key | None = None
    each: Each | None = None
    tags: dict[Name, Tag] = {}
    fields: dict[Name, PayloadField] = Field(min_length=1)
    copies: Copies | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Point:
        certain = {tag for tag, spec in self.tags.items() if spec.required}
        choosers = {spec.range_by.tag for spec in self.fields.values() if spec.range_by}
        if self.copies:
            choosers.add(self.copies.by)
            if self.copies.field not in self.fields:
                raise ValueError(f"copies.field {self.copies.field!r} is no field of this point")
            if self.each:
                raise ValueError("copies do not go with each")
        if unsure := sorted(choosers - certain):
            raise ValueError(f"{unsure[0]!r} chooses a range or copy but is no required tag here")
        if sum(1 for spec in self.fields.values() if spec.range_by) > 1:
            raise ValueError("only one field of a point may have range_by")
        if "robot_id" in self.tags:
            raise ValueError("robot_id is a tag of every point already")
        return self

    @property
    def ranges_by_tag(self) -> dict[str, tuple[float, ...]]:
        return next((s.range_by.ranges for s in self.fields.values() if s.range_by), {})


_PATTERN = re.compile(
    r"\A(?P<family>[^/+#{}\[\]]+/[a-z_]+)(?P<id>\[/\{robot_id\}\]|/\{robot_id\})\Z"
)


class Topic(_Part):
    """One family of topics, ``root/family[/{robot_id}]``; brackets: the id may be left out."""

    pattern: str
    time: Key
    """Member of the payload with the robot's own time."""
    report_clock: bool = False
    points: tuple[Point, ...] = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _known_shape(cls, value: str) -> str:
        if not _PATTERN.match(value):
            raise ValueError(f"{value!r} is not of the shape root/family[/{{robot_id}}]")
        return value

    @property
    def path(self) -> tuple[str, str]:
        """(root, family)."""
        root, _, family = _PATTERN.match(self.pattern)["family"].rpartition("/")  # type: ignore[index]
        return root, family

    @property
    def family(self) -> str:
        return self.path[1]

    @property
    def usual(self) -> bool:
        """Whether the program has straight-line code for messages in which nothing is odd: a status
        is looked at more closely, for what it says of the robot's clock."""
        return len(self.points) == 1 and not self.report_clock

    @property
    def id_optional(self) -> bool:
        return self.pattern.endswith("]")


class Heartbeat(_Part):
    """The glue's own message, whose age on arrival is the queue's delay."""

    topic: str
    time: Key


class TopicModel(_Part):
    """The whole file."""

    root: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    mistaken_roots: tuple[Annotated[str, Field(pattern=r"^/?[A-Za-z0-9_]+$")], ...] = ()
    """Roots that robots publish under by mistake: subscribed to so that it is seen."""
    most_bytes: int = Field(ge=256, le=1024 * 1024)
    events: tuple[Name, ...]
    controls: tuple[Name, ...] = ()
    """Events that the glue sends; robots only answer."""
    heartbeat: Heartbeat
    topics: dict[Name, Topic] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> TopicModel:
        if self.root in self.mistaken_roots:
            raise ValueError(f"{self.root!r} is the root and cannot be a mistaken one")
        if unknown := sorted({*self.controls} - {*self.events}):
            raise ValueError(f"controls names {unknown[0]!r}, which is none of the events")
        families = [topic.family for topic in self.topics.values()]
        for name, topic in self.topics.items():
            if topic.path[0] != self.root:
                raise ValueError(f"topics.{name}.pattern does not begin with {self.root}/")
            if topic.family in self.events:
                raise ValueError(f"topics.{name} and events both claim {topic.family!r}")
            if families.count(topic.family) > 1:
                raise ValueError(f"two topics have the pattern of {topic.family!r}")
        self._one_type_a_field()
        return self

    @property
    def _own(self) -> str:
        """The family of the glue's own message."""
        return self.heartbeat.topic.removeprefix(f"{self.root}/").partition("/")[0]

    @property
    def glue_writes(self) -> tuple[str, ...]:
        """Topic filters below the root that the glue alone publishes to, but for the responses."""
        return tuple(f"{self.root}/{family}/#" for family in (*self.controls, self._own))

    @property
    def responses(self) -> tuple[str, ...]:
        """Topics on which robots answer what the glue sends."""
        return tuple(f"{self.root}/{family}/response" for family in self.controls)

    @property
    def mistaken(self) -> tuple[str, ...]:
        """Topic filters of the roots that robots publish under by mistake."""
        return tuple(f"{root}/#" for root in self.mistaken_roots)

    @property
    def robots_read(self) -> tuple[str, ...]:
        """Topic filters that robots may subscribe to."""
        return tuple(f"{self.root}/{family}/#" for family in self.controls)

    def _one_type_a_field(self) -> None:
        types: dict[tuple[str, str], str] = {("refused", "count"): "int"}
        types |= {("clock", "count"): "int", ("clock", "offset_s"): "float"}
        for measurement, field, kind in self.stored():
            if types.setdefault((measurement, field), kind) != kind:
                raise ValueError(
                    f"{measurement}.{field} has two types: InfluxDB refuses the second"
                )

    def stored(self) -> Iterator[tuple[str, str, str]]:
        """(measurement, field, type) of everything that robots' messages feed."""
        for topic in self.topics.values():
            for point in topic.points:
                for field, spec in point.fields.items():
                    yield point.measurement, field, spec.type
                if point.copies:
                    kind = point.fields[point.copies.field].type
                    for field in point.copies.fields:
                        yield point.copies.measurement, field, kind


def parse(text: str, file: str) -> TopicModel:
    """The model that ``text`` describes; ``file`` is the name that errors carry."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TopicModelError(f"{file}:{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise TopicModelError(f"{file}:1: not YAML: {error}") from None
    if node is None:
        raise TopicModelError(f"{file}:1: the file is empty; it takes root, topics and so on")
    if twice := list(_twice(node, ())):
        raise TopicModelError("\n".join(f"{file}:{ln}: {path}: given twice" for path, ln in twice))
    try:
        return TopicModel.model_validate(data)
    except ValidationError as error:
        lines = []
        problems = error.errors()
        places = [problem["loc"] for problem in problems]
        for problem in problems:
            where = problem["loc"]
            # What is wrong inside makes the whole wrong too; that is no news.
            if any(where != other and other[: len(where)] == where for other in places):
                continue
            lines.append(f"{file}:{_line(node, where)}: {_path(where)}: {_said(problem)}")
        raise TopicModelError("\n".join(lines)) from None


def _path(where: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in where if part != "[key]") or "the model"


def _said(problem: Any) -> str:
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "extra_forbidden":
        return "is not known here"
    return str(problem["msg"]).removeprefix("Value error, ")


def _line(node: yaml.Node, where: tuple[int | str, ...]) -> int:
    """Line of the deepest node on the way to ``where`` (what is missing has none of its own)."""
    line = node.start_mark.line
    for part in where:
        found: tuple[int, yaml.Node] | None = None
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(part)]
            found = (pairs[0][0].start_mark.line, pairs[0][1]) if pairs else None
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            item = node.value[part] if part < len(node.value) else None
            found = (item.start_mark.line, item) if item is not None else None
        if found is None:
            break
        line, node = found
    return line + 1


def _twice(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Keys given twice in one mapping: YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*path, str(key.value))
            if key.value in seen:
                yield ".".join(here), key.start_mark.line + 1
            seen.add(key.value)
            yield from _twice(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _twice(value, (*path, str(index)))
