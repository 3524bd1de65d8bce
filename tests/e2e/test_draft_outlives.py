"""What stands in the form outlives the app, however that ends."""

from __future__ import annotations

import signal

from support.forkedapps import forked
from support.terminal import DOWN, HOME, RIGHT


def test_the_draft_comes_back_after_a_kill(server, tmp_path, monkeypatch):
    monkeypatch.setenv("NNTUI_STATE", str(tmp_path / "state"))
    with forked(server, [], tmp_path) as program:
        program.see("nntui · setup", "> dataset")
        program.send(DOWN + RIGHT)
        program.see("0.15")
        program.send("/epochs\r\r7")
        program.see("507", "take it")
        program.until((tmp_path / "state" / "setup.json").exists)
        program.until(lambda: '"507"' in (tmp_path / "state" / "setup.json").read_text())
        program.signal(signal.SIGKILL)
        program.wait()
    with forked(server, [], tmp_path) as program:
        program.see("> epochs", "507", "take it")
        program.send("\r")
        program.see("507 epochs", "not 50")
        program.send(HOME)
        program.see("validation share   0.15")
        program.send("q")
        assert program.wait() == 0
        program.as_found()
