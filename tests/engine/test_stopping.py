"""Early stopping against sequences worked out by hand and against brute force; the stop token from other threads."""

from __future__ import annotations

import math
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stopping import EarlyStopping, StopToken

NAN, INF = math.nan, math.inf


def run(losses, patience: int, min_delta: float = 0.0) -> tuple[int, EarlyStopping]:
    """The epoch that ends the run (0: none does) and the state there."""
    state = EarlyStopping(patience, min_delta)
    for epoch, loss in enumerate(losses, 1):
        state = state.update(epoch, loss)
        if state.should_stop:
            return epoch, state
    return 0, state


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "ends", "best_epoch"),
    [
        ([3, 2, 1], 1, 0.0, 0, 3),
        ([1, 1], 1, 0.0, 2, 1),  # equal is not better
        ([1, 2, 3, 4], 3, 0.0, 4, 1),
        ([1, 2, 0.5, 2, 2], 2, 0.0, 5, 3),  # an improvement starts the count again
        ([1, 2, 2, 0.5], 2, 0.0, 3, 1),  # too late
        ([1.0, 0.95, 0.85], 2, 0.1, 0, 3),  # 0.95 does not beat 1.0 - 0.1, 0.85 does, in the last epoch
        ([1.0, 0.95, 0.9, 0.9], 3, 0.1, 4, 1),
        ([1.0, 0.9375, 0.875], 2, 0.125, 3, 1),  # the bar itself is not below the bar
        ([NAN, NAN, 1.0, NAN, 2.0], 3, 0.0, 0, 3),  # NaN is never better, and counts as an epoch
        ([NAN, NAN], 2, 0.0, 2, 0),
        ([INF, 5.0, INF], 2, 0.0, 0, 2),
        ([INF, INF], 2, 0.0, 2, 0),
        ([-1.0, -2.0, -1.5], 1, 0.0, 3, 2),
        ([], 1, 0.0, 0, 0),
    ],
)
def test_sequences_worked_out_by_hand(losses, patience, min_delta, ends, best_epoch):
    end, state = run(losses, patience, min_delta)
    assert (end, state.best_epoch) == (ends, best_epoch)


def test_the_strip_says_what_must_be_beaten():
    _, state = run([0.5, 0.25, 0.3], 10, 0.0625)
    assert (state.best, state.best_epoch, state.waited, state.must_beat) == (0.25, 2, 1, 0.1875)


LOSSES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, NAN, INF, -1.0]) | st.floats(-5, 5), max_size=40)


@given(losses=LOSSES, patience=st.integers(1, 6), min_delta=st.sampled_from([0.0, 0.1, 0.25, 2.0]))
def test_against_brute_force(losses, patience, min_delta):
    end, state = run(losses, patience, min_delta)
    seen = losses[:end] if end else losses

    # The improvements, found by walking the list anew for each epoch: slower, and without any state.
    better = [0]
    for epoch in range(1, len(seen) + 1):
        bar = seen[better[-1] - 1] - min_delta if better[-1] else INF
        if seen[epoch - 1] < bar:
            better.append(epoch)
    assert state.best_epoch == better[-1]
    assert state.waited == len(seen) - better[-1]
    gaps = [following - one - 1 for one, following in zip(better, [*better[1:], len(seen) + 1], strict=True)]
    assert all(gap < patience for gap in gaps[:-1])
    assert (gaps[-1] >= patience) == bool(end)
    if state.best_epoch:
        assert state.best == seen[state.best_epoch - 1]
        assert math.isfinite(state.best)
    if min_delta == 0.0 and state.best_epoch:
        assert state.best == min(loss for loss in seen if loss == loss)


@given(LOSSES)
def test_update_changes_nothing_in_place(losses):
    first = EarlyStopping(3)
    run(losses, 3)
    first.update(1, 0.5)
    assert first == EarlyStopping(3)


def test_the_first_reason_is_kept():
    token = StopToken()
    assert token.reason is None
    token.stop("interrupted")
    token.stop("terminated")
    token.stop()
    assert token.reason == "interrupted"


def released(token: StopToken, release) -> bool:
    """Whether a thread that waits on the token goes on after `release`, and not before."""
    token.pause()
    assert token.paused
    waiter = threading.Thread(target=token.wait_while_paused, daemon=True)
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()
    release()
    waiter.join(60)
    return not waiter.is_alive()


def test_resume_and_stop_both_end_a_pause():
    token = StopToken()
    assert released(token, token.resume)
    assert not token.paused
    assert token.reason is None
    assert released(token, token.stop)
    assert not token.paused
    assert token.reason == "stopped"


def test_a_stopped_run_cannot_be_paused():
    token = StopToken()
    token.stop()
    token.pause()
    assert not token.paused
    token.wait_while_paused()


def test_a_pause_that_races_a_stop_never_holds_the_run():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            token = StopToken()
            askers = [threading.Thread(target=ask) for ask in (token.pause, token.stop)]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()
            assert not token.paused
    finally:
        sys.setswitchinterval(interval)


def test_a_signal_handler_may_interrupt_the_token_anywhere():
    """The handler runs in the main thread, between two lines of it: nothing that the token does may hold a lock."""
    token = StopToken()
    calls = 0

    def handler(frame, event, arg):
        nonlocal calls
        if frame.f_code.co_filename.endswith("stopping.py"):
            calls += 1
            sys.settrace(None)
            token.stop("interrupted")
            sys.settrace(handler)
        return handler

    began = time.monotonic()
    sys.settrace(handler)
    try:
        token.stop("terminated")
        token.pause()
        token.wait_while_paused()
    finally:
        sys.settrace(None)
    assert calls > 3
    assert token.reason == "interrupted"
    assert time.monotonic() - began < 20
