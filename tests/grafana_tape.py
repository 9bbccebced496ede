"""What the Grafana adapter sends and gets, written down from a real Grafana and played back.

A tape is a list of exchanges: the request as it was made, and the answer without what differs from
one run to the next (times, made-up uids, the password of a new user).
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from glue.grafana import Grafana
from glue.settings import Grafana as Settings

FOLDER = Path(__file__).parent / "integration" / "grafana_contract"
MADE_UP = re.compile(r"\b[a-f](?=[a-z]*\d)[a-z0-9]{13}\b")
MADE_UP_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
DROPPED = frozenset(
    (
        *("avatarUrl", "userAvatarUrl", "teamAvatarUrl", "typeLogoUrl", "typeName", "meta"),
        *(
            "created",
            "updated",
            "createdAt",
            "updatedAt",
            "createdBy",
            "updatedBy",
            "lastSeenAt",
            "lastSeenAtAge",
        ),
        *("traceID", "accessErrorId", "dashboardId", "folderId", "commit"),
    )
)

Exchange = dict[str, Any]


def clean(value: Any) -> Any:
    """``value`` without what is different each time."""
    if isinstance(value, dict):
        if value.get("status") == {"state": "expired"}:
            value = {**value, "startsAt": "<then>", "endsAt": "<then>"}
        return {
            key: "<password>" if key == "password" and inner else clean(inner)
            for key, inner in value.items()
            # Folders, dashboards and rules are numbered as they come, side by side.
            if key not in DROPPED and not (key == "id" and {"uid", "title"} <= value.keys())
        }
    if isinstance(value, list):
        return [clean(inner) for inner in value]
    if isinstance(value, str):
        return MADE_UP.sub("made-up-uid", MADE_UP_UUID.sub("made-up-uuid", value))
    return value


def adapter(settings: Settings, **more: Any) -> Grafana:
    """One that has asked for Grafana's version already."""
    grafana = Grafana(settings, **more)
    grafana._supported = True
    return grafana


@contextlib.contextmanager
def recording(grafana: Grafana) -> Iterator[list[Exchange]]:
    """Everything that ``grafana`` exchanges meanwhile."""
    session: Any = grafana._http.s
    request, tape = session.request, []

    async def recorded(method: str, url: str, **given: Any) -> Any:
        answer = await request(method, url, **given)
        tape.append(
            {
                "request": asked(
                    method, urlsplit(url).path, given.get("params"), given.get("json")
                ),
                "status": answer.status_code,
                "answer": _told(url, answer.json()) if answer.text else None,
            }
        )
        return answer

    session.request = recorded
    try:
        yield tape
    finally:
        session.request = request


def _told(url: str, answer: Any) -> Any:
    told = clean(answer)
    # Permissions come in the order of their ids, which two provisioners give at once.
    if url.endswith("/permissions") and isinstance(told, list):
        return sorted(told, key=str)
    return told


def asked(method: str, path: str, query: Any, body: Any) -> Exchange:
    found: Exchange = {"method": method.upper(), "path": clean(path)}
    if query:
        found["query"] = {key: str(value) for key, value in query.items()}
    if body is not None:
        found["body"] = clean(body)
    return found


def read(chapter: str) -> dict[str, list[Exchange]]:
    """What went over the wire in each step of ``chapter``."""
    tape: dict[str, list[Exchange]] = json.loads((FOLDER / f"{chapter}.json").read_text())
    return tape


def write(chapter: str, tape: dict[str, list[Exchange]]) -> None:
    """As one line an exchange, so that a change can be read."""
    steps = []
    for name, exchanges in tape.items():
        lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in exchanges)
        steps.append(f"{json.dumps(name)}: [\n{lines}\n]")
    told = ",\n".join(steps)
    (FOLDER / f"{chapter}.json").write_text(f"{{\n{told}\n}}\n")


@dataclass
class Player:
    """A server that gives the answers of ``tape``, in their order, and only to those requests.

    ``wrong`` says what came instead; ``headers`` are those of the last request.
    """

    url: str
    tape: list[Exchange] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def load(self, tape: list[Exchange]) -> None:
        self.tape, self.wrong = list(tape), []

    @property
    def user(self) -> str:
        """Who asked, from the last request's basic authentication."""
        words = self.headers["authorization"].split()
        return base64.b64decode(words[1]).decode().split(":")[0]

    def answer(self, request: Exchange) -> tuple[int, Any]:
        if not self.tape or self.tape[0]["request"] != request:
            expected = self.tape[0]["request"] if self.tape else "nothing more"
            self.wrong.append(f"{request} came; expected was {expected}")
            return 418, {"message": "not on the tape"}
        told = self.tape.pop(0)
        return told["status"], told["answer"]


@contextlib.contextmanager
def playing() -> Iterator[Player]:
    """A player on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _play(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            player.headers = {name.lower(): value for name, value in self.headers.items()}
            at = urlsplit(self.path)
            query = dict(parse_qsl(at.query))
            body = json.loads(content) if content else None
            status, told = player.answer(asked(self.command, at.path, query, body))
            out = b"" if told is None else json.dumps(told).encode()
            self.send_response_only(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _play

        def log_message(self, *_: object) -> None:
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.daemon_threads = True
    player = Player(f"http://127.0.0.1:{served.server_port}")
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield player
    finally:
        served.shutdown()
        served.server_close()
