"""The engine on a device that is none of the host: see support.on_accelerator. It takes a C++ compiler and two minutes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CASES = (
    *("adam", "penalties", "mixup", "cnn", "accumulate", "muon", "ema", "swa", "huber", "bce", "hinge"),
    *("transformer", "auroc", "run", "restarts", "folds", "range test"),
)

TRANSFERS = 2
"""Readings in the training part of an epoch of any number of steps: its sums, and the norms of its gradients."""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        not (shutil.which("g++") and shutil.which("ninja")), reason="no g++ and ninja to build the device"
    ),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What every case told."""
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests.parent), str(tests)])
    command = [sys.executable, "-m", "support.on_accelerator", str(tmp_path_factory.mktemp("accelerator"))]
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["case"]: line for line in lines}


def test_the_device_refuses_what_a_gpu_refuses_and_counts_what_a_gpu_waits_for(told):
    assert told["control"]["refused"].startswith("Expected all tensors to be on the same device")
    assert told["control"]["reads"] == [3]


@pytest.mark.parametrize("case", CASES)
def test_its_figures_are_those_of_the_cpu_and_no_step_waits(told, case):
    found = told[case]
    assert "error" not in found, found
    assert found["far"] < 1e-5
    assert all(read == TRANSFERS for read in found.get("reads", []))
