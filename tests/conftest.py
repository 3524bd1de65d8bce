"""What every test shares."""

from __future__ import annotations

import gc
import itertools
import os
import warnings
from collections.abc import Iterator

# Before torch is imported anywhere: the nets here are too small for a second thread to help, and two test processes with
# two threads each only get into each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from support import disk
from support.forkedapps import AppServer
from support.forkserver import Server
from support.stem import Stem

# No deadline: the first example of a property may import torch. Derandomized, so that a red run can be repeated.
hypothesis.settings.register_profile("nntui", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("nntui")
disk.spare()


_stem: list[Stem] = []


def pytest_configure(config: pytest.Config) -> None:
    """One process to fork from for all test processes; xdist's inherit its address."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        _stem.append(Stem())


def pytest_unconfigure() -> None:
    while _stem:
        _stem.pop().close()


def pytest_collection_finish() -> None:
    """Spend less on looking for garbage: a quarter of the suite's time went into it.

    What the test modules have imported stays to the end, and Textual makes and drops some hundred thousand small objects for
    every screen.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked gpu need a CUDA device."""
    if item.get_closest_marker("gpu") is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch

            there = torch.cuda.is_available()
        if not there:
            pytest.skip("needs a CUDA device, and PyTorch finds none here")


@pytest.fixture(autouse=True)
def _nothing_remembered(tmp_path_factory, monkeypatch):
    """No app of a test finds what a person, or another test, left in the form."""
    number = next(_numbers)
    monkeypatch.setenv("NNTUI_STATE", str(tmp_path_factory.getbasetemp() / f"state-{number}"))
    monkeypatch.setenv("NNTUI_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-{number}"))


_numbers = itertools.count()


@pytest.fixture
def make_config(tmp_path):
    """`make_config(optimizer={"lr": 0.01}, run={"epochs": 3})`: a checked RunConfig that writes into the test's folder."""
    from support.configs import config_in

    def make(**sections):
        return config_in(tmp_path / "runs", **sections)

    return make


@pytest.fixture(scope="session")
def server() -> Iterator[AppServer]:
    """Forks `nntui`, on terminals and without."""
    fork_server = AppServer()
    yield fork_server
    fork_server.close()


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Forks what is in support.lives."""
    fork_server = Server(tmp_path_factory.mktemp("lives"))
    yield fork_server
    fork_server.close()
