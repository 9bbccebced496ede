"""InfluxDB is one of our own systems: it is never asked through a proxy, whatever the environment
says (``HTTP_PROXY`` in somebody's shell). Certificates of the environment hold nevertheless, which
is why this is not httpx's ``trust_env``.
"""

from typing import Any

DIRECT: dict[str, Any] = {"all://": None, "http://": None, "https://": None}
"""``mounts`` of an httpx client: no proxy for any address."""
