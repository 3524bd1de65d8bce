"""Whatever user code writes, in the run's process or in the screen's, is never on the screen and always in run.log."""

from __future__ import annotations

from support.forkedapps import arguments, forked, run_folder, started
from support.noise import WAYS, word


def test_noise_is_in_the_log_and_not_on_the_screen(server, tmp_path):
    before = "from support import noise; noise.arm()"
    with forked(server, arguments(5000), tmp_path, (100, 30), before) as program:
        started(program)
        log = run_folder(tmp_path) / "run.log"
        both = (word("child-error", "screen"), word("child-error", "training"))
        program.until(lambda: all(log.read_text(errors="replace").count(each) > 3 for each in both), what="for noise")
        program.see("┤", "best", "model with")
        assert b"NOISE" not in program.output, "nothing of it was ever on the screen"
        program.send("L")  # but for where it belongs
        program.see("─output─", "NOISE-")
        charts = [line for line in program.lines if "NOISE" not in line]
        assert any("┤" in line for line in charts) and any("training · epoch" in line for line in charts)
        program.send("q")
        program.see("y  stop and quit")
        program.send("y")
        assert program.wait() == 0
        program.as_found()
        program.see("ended       interrupted")
    written = log.read_text(errors="replace")
    for who in ("loading", "training", "screen"):
        missing = [way for way in WAYS if word(way, who) not in written and (way, who) != ("real-stdout", "screen")]
        assert not missing, f"{who}: {missing}"
