"""Who draws our charts: ``python -m tests.bench.chart_libraries [folder]``.

Installs each candidate from PyPI into a folder of its own; each draws 50 times the same line of 336
points with a gap and a limit, as SVG. Printed: what was installed, the time to the first chart
(imports included), of each further one, the SVG's size, the largest memory. The SVGs stay in
``folder``.
"""

from __future__ import annotations

import io
import math
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIBRARIES = {"glue.charts": [], "pygal": ["pygal"], "matplotlib": ["matplotlib"]}
BEGAN = datetime(2026, 11, 18, tzinfo=UTC)
POINTS = [
    (BEGAN + timedelta(minutes=30 * n), None if 100 < n < 130 else 50 + 30 * math.sin(n / 10))
    for n in range(336)
]
TIMES = 50


def ours() -> str:
    from glue import charts

    points = [(at.timestamp(), value) for at, value in POINTS]
    return charts.lines(
        [charts.Series("load", points)],
        title="CPU load",
        unit="%",
        span=(points[0][0], points[-1][0]),
        zone=UTC,
        limits=[charts.Limit(70, "warning")],
    )


def pygal() -> str:
    import pygal as library

    chart = library.DateTimeLine(width=720, height=220, js=[], show_dots=False, title="CPU load")
    chart.x_value_formatter = lambda at: f"{at:%a %d}"
    chart.add("load", POINTS, allow_interruptions=True)
    chart.add("warning", [(POINTS[0][0], 70), (POINTS[-1][0], 70)])
    return chart.render().decode()


def matplotlib() -> str:
    import matplotlib as library

    library.use("svg")
    import matplotlib.pyplot as plot

    figure, axes = plot.subplots(figsize=(7.2, 2.2))
    axes.plot([at for at, _ in POINTS], [math.nan if v is None else v for _, v in POINTS])
    axes.axhline(70, color="orange")
    axes.set_title("CPU load")
    to = io.BytesIO()
    figure.savefig(to, format="svg")
    plot.close(figure)
    return to.getvalue().decode()


DRAW = {"glue.charts": ours, "pygal": pygal, "matplotlib": matplotlib}


def measure(name: str, folder: Path) -> None:
    began = time.monotonic()
    drawn = DRAW[name]()
    first = time.monotonic()
    for _ in range(TIMES):
        DRAW[name]()
    each = (time.monotonic() - first) / TIMES
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{first - began:8.2f} s{each * 1000:8.1f} ms{len(drawn.encode()) / 1024:6.0f} KiB"
        f"{memory:6.0f} MiB"
    )
    (folder / f"{name}.svg").write_text(drawn)


def main(folder: Path) -> None:
    print(f"{'':12}{'installed':>18}{'first':>10}{'each':>11}{'SVG':>10}{'memory':>10}")
    for name, wanted in LIBRARIES.items():
        into = folder / name
        if not into.exists():
            into.mkdir(parents=True)
        if wanted and not any(into.iterdir()):
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
            subprocess.run([*pip, "--target", str(into), *wanted], check=True)
        weight = sum(f.stat().st_size for f in into.rglob("*") if f.is_file()) / 2**20
        packages = len(list(into.glob("*.dist-info")))
        print(f"{name:12}{f'{weight:.0f} MiB in {packages}':>18}", end="", flush=True)
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.chart_libraries", name]
        environ = {**os.environ, "PYTHONPATH": str(into)}
        subprocess.run([*command, str(folder)], env=environ, check=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1] if len(sys.argv) == 2 else "/tmp/chart-libraries"))
