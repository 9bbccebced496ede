"""Known series of a few robots, and every InfluxQL statement that panels and rules ask of them.

They lie two days back, where no other test writes, in a bucket of their own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from glue.core.rule import SeriesReading
from glue.core.rules import RULES
from glue.settings import Influx
from tests.influx import write_points
from tests.panel_queries import influxql

MINUTES = 15
ROBOTS = ("r1", "r.2", "tonypi_3:a-b")


def begin() -> datetime:
    """Of the known series: a whole minute two days ago."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)


def lines(start: datetime) -> str:
    """One point a minute and series in line protocol (times in seconds), for 15 minutes.

    At the end r1 is hot, busy and charging, r.2 has cooled down and is used, and tonypi_3:a-b has
    sent nothing but its battery, once, at the beginning.
    """
    written = []
    for minute in range(MINUTES):
        at = int((start + timedelta(minutes=minute)).timestamp())
        for robot, sign in (("r1", 1), ("r.2", -1)):
            of, n = f"robot_id={robot}", sign * minute
            written += [
                f"performance,{of} cpu_percent={50 + n},memory_percent={60 + n},"
                f"cpu_temperature={70 + n / 2} {at}",
                f"battery,{of} percentage={50 - n},voltage={11 - n / 10},current={n},"
                f"charging={str(robot == 'r1' and minute > 9).lower()} {at}",
                f"location,{of} x={n},y={2 * n},z=0 {at}",
                # r1 leans over until it lies.
                f"imu,{of} accel_x={3 * n},accel_y=0,accel_z=9.8,gyro_x={n},gyro_y=1,gyro_z=2,"
                f"mag_x={n} {at}",
                f"clock,{of},reason={'behind' if sign > 0 else 'ok'} count=1i,"
                f"offset_s={-90 if sign > 0 else 0.5} {at}",
            ]
            written += [
                f"servos,{of},servo_id=servo_{s} temperature={40 + s * n if s < 4 else 20},"
                f"position={s},voltage=5.0,load={n} {at}"
                for s in range(1, 7)
            ]
        written += [
            f"refused,topic=tonypi/servos,reason=not_json count={minute % 3}i {at}",
            # Telegraf was started again in the eighth minute.
            f"internal_write,output=influxdb_v2 metrics_dropped={minute % 8 * 2}i,"
            f"metrics_rejected={minute % 8}i,errors={minute % 8}i,metrics_written={minute}i,"
            f"buffer_size={minute}i,buffer_limit=1000i,write_time_ns={minute * 1000}i {at}",
            f"internal_gather,input=mqtt_consumer metrics_gathered={minute}i {at}",
            *(
                f"broker,topic=$SYS/broker/{topic} value={minute} {at}"
                for topic in ("clients/connected", "store/messages/count")
            ),
            f"broker,topic=$SYS/broker/publish/messages/received value={minute} {at}",
        ]
    at = int(start.timestamp())
    written.append(f"battery,robot_id={ROBOTS[2]} percentage=3,voltage=9.1,charging=false {at}")
    return "\n".join(written)


def write(influx: Influx, start: datetime) -> None:
    """With Telegraf's token, as Telegraf writes."""
    write_points(influx, [lines(start)])


def of_rules() -> dict[str, str]:
    """Metric to statement, with Grafana's variables."""
    found = {r.metric: r.reading for r in RULES}
    return {m: r.influxql for m, r in found.items() if isinstance(r, SeriesReading)}


def of_panels() -> list[str]:
    """Statements of all dashboards, with Grafana's variables."""
    return list(influxql().values())


def filled(statement: str, start: datetime) -> str:
    """``statement`` as Grafana would send it for r1 and the known series' time."""
    first, last = (int(t.timestamp()) for t in (start, start + timedelta(minutes=MINUTES)))
    for variable, value in {
        "$timeFilter": f"time >= {first}000ms and time <= {last}000ms",
        "${__from}": f"{first}000",
        "${__to}": f"{last}000",
        "$__interval": "1m",
        "${window:raw}": "6s",
    }.items():
        statement = statement.replace(variable, value)
    # Which robots a panel is about: one, or the worst of a query of its own.
    statement = re.sub(r"\$\{\w+:regex\}", "r1", statement)
    assert "$" not in statement.replace("$/", ""), (
        f"a variable this test does not know: {statement}"
    )
    return statement
