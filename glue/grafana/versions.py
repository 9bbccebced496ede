"""Which versions of Grafana we write to, and what is known to differ between them.

Every call of the adapter was made to a real 11.0.0 and is held against what that answered
(tests/integration/grafana_contract). Known to differ, from release notes and source:

- 11.0: the export of contact points fails (500, EOF) where one has a secret. Their list is read.
- 12.0: ``/api/dashboards`` is one view of several shapes (``/apis``); it still gives a dashboard as
  it was stored. Compared is what the file says.
- 12.0: folders are found through an index that is late by a second. Each is read by its uid; by
  title only the rules' folder is looked for, where no rule tells it.
- 12.0.0 ignores or misses a folder's version. A rename says ``overwrite`` and knows no version.
- 12, 13: folders of one title may stand side by side, where 11.0 refuses (409). They are known by
  uid.
- 13: ``/api`` is called legacy: it stays and gets nothing new. It is all that 11 has.
- 13: no more data sources by number (never used), nor Alertmanager's configuration but for admins
  (only its receivers are read, as admin).

14 may take ``/api`` away; it is refused until somebody has looked.
"""

from __future__ import annotations

import re

from glue.grafana.errors import GrafanaUnsupported

OLDEST = 11
NEWEST = 13
TRIED = 11
"""All that is written was tried on this one; of those above it we know what their makers say."""


def check(version: str) -> None:
    """Raises :class:`~glue.grafana.GrafanaUnsupported` for a version that we do not write to."""
    major = _major(version)
    if not OLDEST <= major <= NEWEST:
        raise GrafanaUnsupported(
            f"Grafana {version or 'of an unknown version'}: users, teams, folders and marks are"
            f" written to {OLDEST}.0 up to {NEWEST}; run one of those (nothing was changed)"
        )


def is_tried(version: str) -> bool:
    """Whether our calls were made to a Grafana of this major version."""
    return _major(version) <= TRIED


def _major(version: str) -> int:
    found = re.match(r"v?(\d+)\.", version)
    return int(found[1]) if found else 0
