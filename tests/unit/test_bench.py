"""Benchmarks, which no test runs: each can be imported. That their calls fit, mypy checks."""

import importlib
import pkgutil

import pytest

from tests import bench


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(bench.__path__)])
def test_a_benchmark_can_be_imported(name):
    importlib.import_module(f"tests.bench.{name}")
