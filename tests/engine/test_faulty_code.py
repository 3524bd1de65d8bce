"""Models and datasets of people's own that are wrong: one line with what is wrong, their own frames, nothing written."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from support.faultycode import DATA, GOOD, MODELS, Faulty, net

from engine import CodeError, ConfigError, InputError, TrainingError, build_config, train
from engine.previewing import forget as forget_previews
from engine.previewing import preview
from engine.usercode import forget

KEPT = "broken.py"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forget()
    forget_previews()
    yield tmp_path
    forget()


def config_for(case: Faulty, which: str):
    Path(KEPT).write_text(case.code)
    own = {"model": {"kind": "custom", "path": f"{KEPT}:Net"}, "data": {"source": "wine"}}
    if which == "data":
        own = {"data": {"source": f"{KEPT}:make"}}
    return build_config(
        {**own, "run": {"device": "cpu", "folder": "runs", "epochs": 1, "tensorboard": False}}, case.settings
    )


CASES = [(case, which) for which, cases in (("model", MODELS), ("data", DATA)) for case in cases]


def test_there_are_enough_of_them():
    assert len(MODELS) >= 40
    assert len(CASES) >= 75


@pytest.mark.parametrize(("case", "which"), CASES, ids=[f"{which}: {case.name}" for case, which in CASES])
def test_a_fault_is_one_line_and_ones_own_frames(case, which, capfd):
    config = config_for(case, which)
    before = set(threading.enumerate())
    with pytest.raises(InputError) as refused:
        train(config)
    (fault,) = refused.value.faults
    assert case.said in fault.line()
    assert fault.key.startswith(f"{which}.") or fault.key == "run.batch_size"
    assert isinstance(refused.value, CodeError) or case.name == "unknown words"
    assert case.frame in (fault.frames[-1] if fault.frames else "")
    assert all(frame.startswith((KEPT, "…")) for frame in fault.frames)
    assert len(fault.frames) <= 9
    assert "\n" not in fault.line()
    assert os.listdir() == [KEPT], "something was written"
    seen = preview(config)  # never raises, and says the same where shapes are enough
    numbers = ("not a number", "doubles") if which == "model" else ()
    trained = ("detached", "by way of numpy", "without gradients", "changes in place", "fails in training only")
    if case.name not in (*numbers, *trained):
        assert [one.key for one in seen.faults] == [fault.key]
        assert case.said.split(" got (")[0].split(" gives (")[0] in seen.faults[0].line()
    assert set(threading.enumerate()) <= before
    assert "Traceback" not in "".join(capfd.readouterr())


def test_what_fails_while_it_trains_ends_the_run_as_a_failure(place):
    late = net(
        "self.n += 1\nif self.n > 9:\n    raise ValueError('enough')\nreturn self.fc(x)",
        "self.fc = nn.Linear(13, 3)\nself.n = 0",
    )
    with pytest.raises(TrainingError) as failed:
        train(config_for(Faulty("late", late, ""), "model"))
    assert str(failed.value) == "broken.py:11: ValueError: enough"
    assert failed.value.frames == ("broken.py:11 in forward: raise ValueError('enough')",)
    (run,) = place.joinpath("runs").iterdir()
    assert "Traceback" in (run / "run.log").read_text()


def test_exiting_while_it_trains_is_a_failure_too(place):
    late = net(
        "self.n += 1\nif self.n > 9:\n    raise SystemExit(0)\nreturn self.fc(x)",
        "self.fc = nn.Linear(13, 3)\nself.n = 0",
    )
    with pytest.raises(TrainingError, match=r"broken.py:11: calls sys.exit\(0\)"):
        train(config_for(Faulty("late", late, ""), "model"))


def test_a_note_on_outputs_that_look_like_a_softmax(place):
    result = train(config_for(Faulty("softmax", net("return self.fc(x).softmax(1)"), ""), "model"))
    assert any("add up to 1 like those of a softmax" in text for _, text in result.view.log)


def test_batch_norm_and_a_row_that_is_left_alone(place):
    code = net("return self.fc(self.b(x))", "self.b = nn.BatchNorm1d(13)\nself.fc = nn.Linear(13, 3)")
    config = config_for(Faulty("norm", code, "", settings=("run.batch_size=47",)), "model")  # 142 rows
    with pytest.raises(CodeError, match="the last batch of an epoch has a single row"):
        train(config)


def test_a_module_that_is_not_there_is_bad_input(place):
    with pytest.raises(ConfigError, match="no module is called 'nosuch'") as refused:
        train(build_config({"data": {"source": "nosuch:make"}}))
    assert not isinstance(refused.value, CodeError)


def test_a_signal_that_is_blocked_or_caught_by_the_code_still_arrives(place):
    rude = "import signal\nsignal.signal(signal.SIGTERM, lambda *a: None)\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
    before = signal.getsignal(signal.SIGTERM)
    result = train(config_for(Faulty("rude", rude + net(GOOD), ""), "model"))
    assert result.reason == "epochs_done"
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
