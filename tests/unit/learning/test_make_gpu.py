"""`make gpu` runs to its end without a GPU, ends what hangs, and has a row for everything."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    return gpu


@pytest.mark.slow
def test_every_stage_runs_on_the_cpu_at_tiny_sizes(gpu, tmp_path):
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--tiny", "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert {row["stage"] for row in rows} == set(gpu.SECONDS)
    found = {row["what"]: row for row in rows}
    for what in gpu.TARGETS:
        if what.startswith("resnet50"):
            continue  # as resnet18, and slow to make
        assert found[what]["ratio"] > 0
        assert found[what].get("equal", True)
    assert "14 of 14 selectors ran." in (tmp_path / "gpu.md").read_text()


@pytest.mark.slow
def test_a_stage_whose_time_is_up_is_ended(gpu, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS))
    (end,) = gpu.run("one network", tiny=True, device="cpu", seconds=0.1)
    assert end["why"] == "not done after 0.1 s"


@pytest.mark.usefixtures("gpu")
def test_what_equal_bits_cost_is_measured_beside_runs_not_asked_for_them(monkeypatch):
    """`select` leaves a process of CUDA's with deterministic algorithms."""
    import gpu_checks
    import gpu_stages

    asked = {"free": [], "equal": []}
    found = SimpleNamespace(posteriors=SimpleNamespace(probs=np.zeros(3)))

    def free(*_, **__):
        asked["free"].append(torch.are_deterministic_algorithms_enabled())

    def equal(*_, **__):
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        asked["equal"].append(torch.are_deterministic_algorithms_enabled())
        return found

    monkeypatch.setattr(gpu_checks, "SELECTORS", dict.fromkeys(gpu_checks.SELECTORS, free))
    monkeypatch.setattr(gpu_checks, "select", equal)
    try:
        rows = list(gpu_checks.repeated(gpu_stages.TINY, "cpu"))
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert [row["equal"] for row in rows] == [True] * 3
    assert asked == {"free": [False] * 9, "equal": [True] * 6}


def test_all_stages_fit_into_eight_minutes(gpu):
    assert sum(gpu.SECONDS.values()) <= 480


def test_without_a_gpu_the_cells_stay_empty(gpu):
    page = gpu.table([], gpu.NOT_MEASURED)
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == list(gpu.TARGETS)
    assert all(line.split("|")[2:7] == ["  "] * 5 for line in lines)


def test_the_page_is_of_these_rows(gpu):
    """Whoever adds a row measures it, or says that nobody has."""
    page = (BENCHMARKS / "results" / "gpu.md").read_text()
    assert all(f"| {what} |" in page for what in gpu.TARGETS)
    if gpu.NOT_MEASURED in page:
        assert page == gpu.table([], gpu.NOT_MEASURED)
