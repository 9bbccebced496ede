"""What Grafana's panel editor writes into a panel that is edited there, whatever was changed.

Taken from panels of ours of which only the title was edited in 11.0.0. A member that we leave out
and that holds one of these says no more than ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CUSTOM: Mapping[str, Any] = {
    "axisBorderShow": False,
    "axisCenteredZero": False,
    "axisColorMode": "text",
    "axisPlacement": "auto",
    "barAlignment": 0,
    "cellOptions": {"type": "auto"},
    "drawStyle": "line",
    "gradientMode": "none",
    "insertNulls": False,
    "label": "auto",
    "lineInterpolation": "linear",
    "pointSize": (5, {"fixed": 5}),
    "scaleDistribution": {"type": "linear"},
    "stacking": {"group": "A", "mode": "none"},
    "thresholdsStyle": {"mode": "off"},
}
_SAID: Mapping[str, Any] = {
    "fieldConfig.defaults.color": {"mode": "palette-classic"},
    "fieldConfig.defaults.thresholds": {
        "mode": "absolute",
        "steps": [{"color": "green"}, {"color": "red", "value": 80}],
    },
    "options.tooltip.maxHeight": 600,
    **{f"fieldConfig.defaults.custom.{name}": value for name, value in CUSTOM.items()},
}
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    path: said if isinstance(said, tuple) else (said,) for path, said in _SAID.items()
}
"""By the option's path in its panel; several where kinds of panels differ."""
