"""What the supervisor does with a part that hangs, and what becomes of it when itself dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from glue.stack import keeper as keepers
from glue.stack import leftovers, pidfiles, probe, process
from glue.stack.home import Home
from glue.stack.keeper import Keeper
from glue.stack.part import SLOWEST_STOP, Part

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); "
SUPERVISOR = f"""
import os, subprocess, sys, time
from pathlib import Path
from glue.stack import home, leftovers, pidfiles
leftovers.PATIENCE = 0.5
place = home.Home(Path(sys.argv[1]))
with home.hold_lock(place):
    deaf = [sys.executable, "-c", {DEAF!r} + "time.sleep(600)"]
    child = subprocess.Popen(deaf, stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.read(1)
    pidfiles.remember(place.pidfile("part"), child.pid)
    watching = leftovers.watch(place)
    print(child.pid, flush=True)
    sys.stdin.read()
    leftovers.dismiss(watching)
"""


def until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def orphaned(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, Home]]:
    """A supervisor with a part that ignores SIGTERM, the part's pid, their home."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    yield process, pid, Home(tmp_path)
    for left in (process.pid, pid):
        if pidfiles.began(left):
            os.kill(left, signal.SIGKILL)
    process.communicate()


def test_a_part_that_does_not_listen_ends_after_the_supervisor(
    orphaned: tuple[subprocess.Popen[str], int, Home],
) -> None:
    supervisor, part, home = orphaned
    supervisor.kill()
    until(lambda: pidfiles.began(part) is None)
    until(lambda: not home.pidfile("part").exists())


def test_after_an_orderly_end_nothing_is_killed(
    orphaned: tuple[subprocess.Popen[str], int, Home],
) -> None:
    supervisor, part, home = orphaned
    # Closes its input; its output ends when the watching process has ended as well.
    supervisor.communicate()
    assert supervisor.returncode == 0
    assert pidfiles.began(part) is not None
    assert home.pidfile("part").exists()


def test_leftovers_get_the_time_of_the_slowest_part() -> None:
    assert leftovers.PATIENCE >= SLOWEST_STOP


class Patient:
    """A keeper of a sleeping process that answers when it is told to."""

    def __init__(self, tmp_path: Path, hung_after: float | None) -> None:
        self.answers = True
        self.events: list[tuple[str, dict[str, Any]]] = []
        part = Part(
            "part",
            (sys.executable, "-c", "import time; time.sleep(600)"),
            ready=lambda: self.answers,
            hung_after=hung_after,
        )
        self.keeper = Keeper(
            part, tmp_path / "log", lambda *event: self.events.append(event), lambda pid: None
        )
        while self.keeper.state != "ready":
            self.keeper.step(True)

    def look(self, times: int) -> None:
        for _ in range(times):
            self.keeper._look_at = 0.0
            self.keeper.step(True)


@pytest.fixture
def patient(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Patient]:
    made = Patient(tmp_path, request.param)
    yield made
    made.keeper.stop()


@pytest.mark.parametrize("patient", [30.0], indirect=True)
def test_a_part_that_hangs_is_restarted_after_its_bound(patient: Patient) -> None:
    looks = int(30 / keepers.LOOK_EVERY)
    hung = patient.keeper.child
    assert hung is not None
    patient.answers = False
    patient.look(looks - 1)
    assert (patient.keeper.state, patient.keeper.child) == ("unresponsive", hung)
    # One answer, and the count begins anew.
    patient.answers = True
    patient.look(1)
    patient.answers = False
    patient.look(looks)
    assert patient.keeper.state == "backing off"
    assert hung.poll() is not None
    name, facts = patient.events[-1]
    assert name == "part.backing_off"
    assert "did not answer" in facts["reason"]
    patient.answers = True
    while patient.keeper.state != "ready":
        patient.keeper.step(True)
    assert patient.keeper.restarts == 1


@pytest.mark.parametrize("patient", [None], indirect=True)
def test_a_part_without_a_bound_is_left_alone(patient: Patient) -> None:
    patient.answers = False
    patient.look(1000)
    assert (patient.keeper.state, patient.keeper.restarts) == ("unresponsive", 0)


def test_a_part_is_ready_when_its_own_process_answers(tmp_path: Path) -> None:
    """Two stacks that start at once may want one port: the other's answer is not ours."""
    serve = "import http.server as h; h.HTTPServer(('127.0.0.1', {}), h.BaseHTTPRequestHandler)"
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        part = Part(
            "part",
            # In a process of its own, as a program that starts another.
            ("sh", "-c", f'"{sys.executable}" -c "{serve.format(port)}.serve_forever()"; exit 1'),
            ready=lambda: probe.accepts("127.0.0.1", port),
            port=port,
        )
        keeper = Keeper(part, tmp_path / "log", lambda *event: None, lambda pid: None)
        assert part.ready()
        try:
            until(lambda: keeper.step(True) or keeper.state == "backing off")  # type: ignore[func-returns-value]
            assert keeper.restarts == 0
            assert f"process {os.getpid()}" in keeper.reason
            assert f"has port {port}" in keeper.reason
            other.close()
            until(lambda: keeper.step(True) or keeper.state == "ready")  # type: ignore[func-returns-value]
        finally:
            if keeper.child is not None:
                # The shell would leave what it started.
                process.kill_group(keeper.child.pid)
            keeper.stop()


def test_a_port_that_takes_connections_is_no_broker() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert probe.accepts("127.0.0.1", port)
        assert not probe.answers_mqtt(port, patience=0.2)
