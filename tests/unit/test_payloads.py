"""Telegraf's program and the glue agree on every payload: what the program made of the table
(``golden/40_payloads``, proven by test_telegraf_golden) is what the glue makes of it."""

import re
from datetime import UTC, datetime

from glue.core.events import Envelope, Location, envelope, events
from glue.core.robot_time import RobotClocks
from tests import telegraf_golden as golden

TABLE = golden.FOLDER / "40_payloads"
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def test_the_glue_takes_and_refuses_what_telegraf_takes_and_refuses():
    by_telegraf = []
    for line in (TABLE / "out.lp").read_text().splitlines():
        if found := re.match(r"location,robot_id=(\S+) (\S+) ", line):
            fields = dict(pair.split("=") for pair in found[2].split(","))
            by_telegraf.append((found[1], {name: float(v) for name, v in fields.items()}))
        elif found := re.match(r"refused,reason=(\w+),topic=(\w+) count=(\d+)i ", line):
            by_telegraf += [(found[2], found[1])] * int(found[3])
    by_glue = []
    for topic, payload in golden.Run(NOW).messages(TABLE):
        said = envelope(topic, payload)
        if isinstance(said, Envelope):
            made, refused = events(said, RobotClocks(), NOW)
            by_glue += [(e.robot_id, e.location) for e in made if isinstance(e, Location)]
            by_glue += [(no.family, no.reason) for no in refused]
        else:
            by_glue.append((said.family, said.reason))
    assert by_glue == by_telegraf
