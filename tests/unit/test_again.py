import subprocess
import sys
from pathlib import Path

import pytest

from tests import again

ROOT = Path(__file__).parents[2]
UNSTEADY = """
import pathlib
def test_unsteady():
    been = pathlib.Path(__file__ + ".been")
    if not been.exists():
        been.touch()
        assert False
"""
BROKEN = "def test_broken(): assert False\n"


def run(folder: Path, *files: str, code: int | None = None) -> "subprocess.CompletedProcess[str]":
    for number, text in enumerate(files):
        (folder / f"test_{number}.py").write_text(text)
    first = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=folder, check=False)
    return subprocess.run(
        [sys.executable, "-m", "tests.again", str(first.returncode if code is None else code)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_passes_alone_is_named_and_the_run_has_passed(tmp_path: Path) -> None:
    done = run(tmp_path, UNSTEADY, "def test_fine(): pass")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("passed alone: test_0.py::test_unsteady")


@pytest.mark.parametrize(
    ("files", "code"), [((UNSTEADY, BROKEN), 1), ((UNSTEADY,) * (again.FEW + 1), 1), ((BROKEN,), 2)]
)
def test_what_fails_again_or_often_or_did_not_end_has_failed(
    tmp_path: Path, files: tuple[str, ...], code: int
) -> None:
    done = run(tmp_path, *files, code=code)
    assert done.returncode == code
    assert "UNSTEADY" not in done.stdout
