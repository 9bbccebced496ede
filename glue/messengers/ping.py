"""Signs of life to a service outside, which calls people when they stop: one GET a beat."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx


async def ping(url: str, timeout: float, what: str = "") -> str:
    """Ask for ``url``, with ``what`` (text) as the body of a POST where there is something to say.

    Gives '' when the answer was 2xx, else what was wrong; never any part of the address behind its
    host, which is a secret.
    """
    try:
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
            if what:
                answer = await client.post(url, content=what.encode())
            else:
                answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{_host(url)}: {type(error).__name__}"
    return "" if answer.is_success else f"{_host(url)} answered {answer.status_code}"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "not an address"
