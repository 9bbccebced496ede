"""Which library writes our PDFs: ``python -m tests.bench.pdf_engines [folder]``.

Installs each candidate from PyPI (wheels only) into a folder of its own, lets it write the same
report (a summary, 12 charts of 300 points as SVG, a table of 500 robots with names in eight
scripts, page numbers, A4) and prints what was installed, how long the process took, and its
largest memory. The PDFs stay in ``folder`` to be looked at: who shapes Arabic, who has all glyphs.
Fonts: fonts-noto-core, fonts-wqy-microhei, fonts-noto-color-emoji. WeasyPrint also needs Debian's
libpango-1.0-0 and libpangoft2-1.0-0.
"""

from __future__ import annotations

import html
import io
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINES = {
    "typst": ["typst"],
    "weasyprint": ["weasyprint"],
    "reportlab": ["reportlab[shaping]", "svglib"],
    "fpdf2": ["fpdf2", "uharfbuzz"],
}
FONTS = Path("/usr/share/fonts/truetype")
SCRIPTS = ("Ada", "Zoë", "Робот", "Ρομπότ", "机器人", "로봇", "روبوت", "🤖 bot")
ROWS = [
    (f"bot_{n:03}", f"{SCRIPTS[n % len(SCRIPTS)]} {n}", f"{n * 7 % 100} %", f"{n * 3 % 80} °C")
    for n in range(500)
]
HEAD = ("Robot", "Name", "Battery", "Temperature")
TEXT = "The fleet worked 312 h, 14 h less than the week before. " * 12


def chart(n: int) -> str:
    points = " ".join(f"{x},{80 - 40 * math.sin((x + n * 9) / 25):.1f}" for x in range(0, 600, 2))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="160" viewBox="0 0 600 160">'
        f'<polyline points="{points}" fill="none" stroke="#2563eb" stroke-width="1.5"/>'
        f'<text x="4" y="14" font-size="12" font-family="Noto Sans">Load {SCRIPTS[n % 8]}</text>'
        "</svg>"
    )


def typst(to: Path) -> None:
    import typst as engine

    cells = ",".join(f'"{cell}"' for row in (HEAD, *ROWS) for cell in row)
    charts = "\n".join(f'#image(bytes({_quoted(chart(n))}), format: "svg")' for n in range(12))
    source = f"""#set page("a4", numbering: "1 / 1")
#set text(font: ("Noto Sans", "Noto Sans Arabic", "WenQuanYi Micro Hei", "Noto Color Emoji"))
= Week 47
{TEXT}
{charts}
#table(columns: 4, {cells})"""
    to.write_bytes(engine.compile(source.encode()))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def weasyprint(to: Path) -> None:
    import weasyprint as engine

    rows = "".join("<tr>" + "".join(f"<td>{html.escape(c)}" for c in row) for row in (HEAD, *ROWS))
    charts = "".join(chart(n) for n in range(12))
    style = "@page{size:A4;@bottom-center{content:counter(page)}} body{font-family:Noto Sans}"
    text = f"<style>{style}</style><h1>Week 47</h1><p>{TEXT}</p>{charts}<table>{rows}</table>"
    engine.HTML(string=text).write_pdf(to)


def reportlab(to: Path) -> None:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Table
    from svglib.svglib import svg2rlg

    pdfmetrics.registerFont(TTFont("Noto Sans", FONTS / "noto/NotoSans-Regular.ttf"))
    styles = getSampleStyleSheet()
    styles["Normal"].fontName = styles["Title"].fontName = "Noto Sans"
    charts = [svg2rlg(io.BytesIO(chart(n).encode())) for n in range(12)]
    for one in charts:
        one.scale(0.7, 0.7)
        one.width, one.height = one.width * 0.7, one.height * 0.7
    table = Table([HEAD, *ROWS], repeatRows=1, style=[("FONT", (0, 0), (-1, -1), "Noto Sans")])
    SimpleDocTemplate(str(to), pagesize=A4).build(
        [Paragraph("Week 47", styles["Title"]), Paragraph(TEXT, styles["Normal"]), *charts, table],
        onLaterPages=lambda page, _: page.drawString(290, 30, str(page.getPageNumber())),
    )


def fpdf2(to: Path) -> None:
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.add_font("Noto Sans", fname=FONTS / "noto/NotoSans-Regular.ttf")
    others = {
        "arabic": "noto/NotoSansArabic-Regular.ttf",
        "cjk": "wqy/wqy-microhei.ttc",
        "emoji": "noto/NotoColorEmoji.ttf",
    }
    for name, path in others.items():
        pdf.add_font(name, fname=FONTS / path)
    pdf.set_fallback_fonts(list(others))
    pdf.set_text_shaping(True)
    pdf.set_font("Noto Sans", size=10)
    pdf.add_page()
    pdf.cell(text="Week 47", new_x="LEFT", new_y="NEXT")
    pdf.multi_cell(0, text=TEXT)
    for n in range(12):
        pdf.image(io.BytesIO(chart(n).encode()), w=180)
    with pdf.table(first_row_as_headings=False) as table:
        for row in (HEAD, *ROWS):
            table.row(row)
    pdf.output(str(to))


def main(folder: Path) -> None:
    print(f"{'':12}{'installed':>18}{'time':>10}{'memory':>10}{'PDF':>10}")
    for name, wanted in ENGINES.items():
        into = folder / name
        if not into.exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
            subprocess.run([*pip, "--target", str(into), *wanted], check=True)
        weight = sum(f.stat().st_size for f in into.rglob("*") if f.is_file()) / 2**20
        packages = len(list(into.glob("*.dist-info")))
        pdf = folder / f"{name}.pdf"
        seconds, memory, ended = _run(name, pdf, into)
        print(
            f"{name:12}{f'{weight:.0f} MiB in {packages}':>18}{seconds:8.1f} s{memory:6.0f} MiB"
            f"{pdf.stat().st_size / 1024:6.0f} KiB" + (f"  ended with {ended}" if ended else ""),
            flush=True,
        )


def _run(name: str, pdf: Path, packages: Path) -> tuple[float, float, int]:
    began = time.monotonic()
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.pdf_engines", name, str(pdf)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(packages)}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - began, usage.ru_maxrss / 1024, process.returncode


if __name__ == "__main__":
    writers: dict[str, Callable[[Path], Any]] = {
        "typst": typst, "weasyprint": weasyprint, "reportlab": reportlab, "fpdf2": fpdf2,
    }  # fmt: skip
    if len(sys.argv) == 3:
        writers[sys.argv[1]](Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1] if len(sys.argv) == 2 else "/tmp/pdf-engines"))
