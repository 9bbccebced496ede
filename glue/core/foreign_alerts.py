"""Alerts of rules that are not ours: what identifies them, and how bad they are.

An alert is ours when the uid of the rule behind it is, in the organisation that our rules are in;
labels, which anybody can set, do not decide it. Any other alert is identified by its rule's uid,
where it has one, and by its own labels, as Grafana and Alertmanager do: each instance of a rule is
an alert of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from glue.core.storable import storable

FOREIGN = "rule:"
"""What the metric of such an alert begins with; the rule's name and a digest of the identity
follow: ``rule:disk_almost_full:0123456789ab``."""

OUR_ORGANISATION = 1
"""Of Grafana; our rules are provisioned there."""

TROUBLE = ("DatasourceError", "DatasourceNoData")
"""Alert names with which Grafana posts that a rule cannot be evaluated; the label ``rulename`` has
the rule's own name then."""

_INSTANCE = re.compile(r"(rule:.*):[0-9a-f]{12}", re.DOTALL)

SEVERITIES: Mapping[str, tuple[str, ...]] = {
    "critical": (
        *("critical", "crit", "fatal", "emergency", "emerg", "alert", "disaster", "severe"),
        *("error", "high", "page", "p0", "p1", "sev0", "sev1"),
    ),
    "info": (
        *("info", "information", "informational", "notice", "debug", "none", "ok", "low"),
        *("p4", "p5", "sev4", "sev5"),
    ),
}
"""What others write for our severities; anything else, and nothing, is a warning."""

_SEVERITY = {theirs: ours for ours, many in SEVERITIES.items() for theirs in many}


def severity_of(label: Any) -> str:
    """Ours for the label ``severity`` of others, whatever its case (:data:`SEVERITIES`)."""
    return _SEVERITY.get(str(label or "").strip().casefold(), "warning")


def rule_uid(generator_url: Any, org_id: Any = None) -> str:
    """The uid of the Grafana rule that the alert's ``generatorURL`` points to; '' where it points
    to none, as Prometheus' do. Of another organisation than ours, ``<organisation>/<uid>``."""
    try:
        url = urlsplit(str(generator_url or ""))
    except ValueError:
        return ""
    found = re.search(r"/alerting/grafana/([\w-]+)/view/?$", url.path, re.ASCII)
    if found is None:
        return ""
    if not isinstance(org_id, int):
        asked = re.search(r"(?:^|&)orgId=(\d{1,9})\b", url.query)
        org_id = int(asked[1]) if asked else OUR_ORGANISATION
    return found[1] if org_id == OUR_ORGANISATION else f"{org_id}/{found[1]}"


def name_of(labels: Mapping[str, Any]) -> str:
    """What the alert is called."""
    name = str(labels.get("alertname") or "Alert")
    return f"{name} {labels['rulename']}" if labels.get("rulename") else name


def metric_of(uid: str, labels: Mapping[str, Any]) -> str:
    """The identity of an alert that is not ours; at most 50 characters."""
    own = {storable(k): storable(str(v)) for k, v in labels.items() if not _is_private(k)}
    identity = json.dumps([uid, sorted(own.items())])
    name = re.sub(r"[\W_]+", "_", name_of(labels).casefold())[:30].strip("_")
    return f"{FOREIGN}{name}:{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def rule_of(metric: str) -> str:
    """``metric`` without the digest: what all instances of a rule have in common. As
    PostgreSQL's ``metric_of_rule``."""
    instance = _INSTANCE.fullmatch(metric)
    return instance[1] if instance else metric


def names(patterns: Iterable[str], metric: str) -> bool:
    """Whether one of ``patterns`` (as ``servo_*``) names ``metric``; ``rule:disk_almost_full``
    names every instance of that rule."""
    either = metric, rule_of(metric)
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in either)


def _is_private(label: str) -> bool:
    # Grafana posts none of these, and lists its own when it is asked for a rule's uid.
    return label.startswith("__") and label.endswith("__")
