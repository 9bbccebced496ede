"""What others post to ``/webhooks/grafana``."""

from datetime import UTC, datetime

from glue.core.grafana_alerts import read_post

NOW = datetime(2026, 11, 23, 20, 45, tzinfo=UTC)
"""When the posts come."""


def rule_url(uid: str, org: int = 1) -> str:
    """``generatorURL`` of an alert of Grafana's rule ``uid``."""
    return f"http://127.0.0.1:3000/alerting/grafana/{uid}/view?orgId={org}"


def alert(**changes):
    made = {
        "status": "firing",
        "labels": {
            "alertname": "Servo temperature critical",
            "grafana_folder": "Robot rules",
            "metric": "servo_temp",
            "robot_id": "r1",
            "severity": "critical",
        },
        "annotations": {"summary": "r1: Servo temperature critical"},
        "startsAt": "2026-11-23T20:44:50.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "76da2a57fa28e24e",
        "generatorURL": rule_url("tonypi-servo-temp-critical"),
        "values": {"C": 1, "L": 72, "M": 1.66, "R": 80, "W": 75},
    }
    made |= changes
    return made


def only(*alerts, **rest):
    return read_post({"alerts": list(alerts), **rest}, NOW)


PROMETHEUS = "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0"


def foreign(labels=None, uid="door", **changes):
    """Of a rule that is not ours; ``uid`` None: of Prometheus, through Alertmanager."""
    labels = {"alertname": "Door open", "zone": "A"} if labels is None else labels
    source = PROMETHEUS if uid is None else rule_url(uid)
    return alert(**{"labels": labels, "generatorURL": source, "values": None} | changes)


def identity(one, **rest):
    [seen] = only(one, **rest).observations
    return (*seen.pair, seen.severity)
