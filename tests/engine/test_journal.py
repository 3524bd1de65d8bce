"""A journal that cannot be written for a while, is torn, damaged, or followed while another process writes it."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.owners import WAIT, end, until
from support.sinks import Acting

from engine import events as e
from engine import journal as journal_module
from engine import read_journal
from engine.eventjson import to_json
from engine.journal import JournalSink, JournalTail
from engine.sinks import Backlogged, Tee


def noted(number: int, size: int = 20) -> e.Noted:
    return e.Noted(text=f"{number} {'x' * size}")


def numbers(items) -> list[int]:
    return [int(item.text.split()[0]) for item in items if isinstance(item, e.Noted) and item.text[0].isdigit()]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "events.jsonl"


# -------------------------------------------------------------------------------------------------------- a full disk


def in_a_child(work) -> None:
    """Call `work` in a forked process, which may then limit itself; its failure is the test's."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            work()
            code = 0
        except BaseException as error:
            os.write(writer, repr(error).encode()[:4000])
        finally:
            os._exit(code)
    os.close(writer)
    with open(reader, "rb") as failure:
        said = failure.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, said


def limit(size: int) -> None:
    """No file may grow beyond so many bytes; -1 lifts that."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if size < 0 else size, hard))


def filled_and_freed(path: Path, full_at: int, total: int, before: int, freed: int) -> None:
    """Write `total` events; after `before` of them the disk is full at byte `full_at`, and after `freed` there is room again."""
    seen = Acting()
    tee = Tee([JournalSink(path), seen])
    for number in range(total):
        if number == before:
            limit(full_at)
        if number == freed:
            on_disk = list(read_journal(path)) if path.exists() else []
            assert path.stat().st_size <= max(full_at, 0) and path.read_bytes()[-1:] in (b"\n", b"")
            assert numbers(on_disk) == list(range(len(numbers(on_disk)))), "what is there is whole and in order"
            limit(-1)
        tee(noted(number))
    tee.close()
    assert numbers(read_journal(path)) == list(range(total)), "nothing is lost"
    told = [event for event in seen.seen if isinstance(event, e.SinkFailed)]
    assert len(told) == 1 and told[0].sink == "journal" and "too large" in told[0].problem
    back = [event for event in seen.seen if isinstance(event, e.Noted) and event.text == "journal is written again"]
    assert len(back) == 1
    assert numbers(seen.seen) == list(range(total)), "the other sinks miss nothing"
    assert told[0] in list(read_journal(path)), "the journal says itself that it could not be written"


OFFSETS = random.Random(5).sample(range(3000), 30)


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param(OFFSETS, id="few"),
        pytest.param(random.Random(6).sample(range(3000), 1000), id="many", marks=pytest.mark.soak),
    ],
)
def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path, offsets):
    for count, offset in enumerate(offsets):
        path = tmp_path / f"{count}.jsonl"
        in_a_child(lambda path=path, offset=offset: filled_and_freed(path, offset, 80, 0, 60))


def test_full_from_the_first_byte_and_again_and_again(path):
    def work():
        sink = JournalSink(path)
        for number in range(40):
            limit(-1 if number % 10 == 9 else (path.stat().st_size if path.exists() else 0) + number % 7)
            if number % 10 == 9:
                sink.write(noted(number))
            else:
                with pytest.raises(Backlogged, match="kept"):
                    sink.write(noted(number))
        sink.close()
        assert numbers(read_journal(path)) == list(range(40))

    in_a_child(work)


def test_a_reader_never_sees_a_torn_line_as_an_event(path):
    def work():
        sink, tail, read = JournalSink(path), JournalTail(path), []
        for number in range(60):
            limit(-1 if number % 20 == 19 else (path.stat().st_size if path.exists() else 0) + 13)
            with contextlib.suppress(Backlogged):
                sink.write(noted(number))
            read += tail.read() if tail.behind else []
        assert numbers(read) == list(range(60)) and tail.damaged == 0

    in_a_child(work)


def test_the_backlog_is_bounded_and_says_what_is_missing(path, monkeypatch):
    monkeypatch.setattr(journal_module, "BACKLOG_LINES", 10)

    def work():
        sink = JournalSink(path)
        sink.write(noted(0))
        limit(path.stat().st_size)
        for number in range(1, 31):
            with pytest.raises(Backlogged):
                sink.write(noted(number))
        limit(-1)
        sink.write(noted(31))
        sink.write(noted(32))
        sink.close()
        items = list(read_journal(path))
        assert numbers(items) == [0, *range(22, 32), 21, 32] and "are missing" in items[11].text  # pyright: ignore

    in_a_child(work)


def test_a_backlog_of_large_events_is_bounded_in_bytes(path, monkeypatch):
    monkeypatch.setattr(journal_module, "BACKLOG_BYTES", 5000)
    sink = JournalSink(path / "no such folder")
    for number in range(50):
        with pytest.raises(Backlogged):
            sink.write(noted(number, 1000))
    assert len(sink._waiting) == 4
    with pytest.raises(OSError, match="4 events are lost"):
        sink.close()


def test_what_is_lost_in_the_end_is_told(tmp_path):
    seen = Acting()
    tee = Tee([JournalSink(tmp_path / "gone" / "events.jsonl"), seen])
    tee(noted(1))
    tee(noted(2))
    tee.close()
    problems = [event.problem for event in seen.seen if isinstance(event, e.SinkFailed)]
    assert len(problems) == 2 and "No such file" in problems[0] and "3 events are lost" in problems[1]


def test_a_journal_can_be_written_when_its_folder_comes_back(tmp_path):
    path = tmp_path / "gone" / "events.jsonl"
    tee = Tee([JournalSink(path)])
    tee(noted(1))
    path.parent.mkdir()
    tee(noted(2))
    tee.close()
    assert numbers(read_journal(path)) == [1, 2]


# ----------------------------------------------------------------------------------------------- torn when it is opened


def test_a_torn_last_line_is_cut_off_before_anything_is_appended(path):
    content = b"".join((to_json(noted(number)) + "\n").encode() for number in range(3))
    last = content.rfind(b"\n", 0, -1) + 1
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        sink = JournalSink(path)
        sink.write(noted(7))
        sink.close()
        whole = content.count(b"\n", 0, cut) + (cut in (len(content) - 1,))
        expected = numbers(read_journal(path))
        assert expected[-1] == 7
        if cut >= last:
            assert expected == [*range(whole), 7], cut


def test_a_long_torn_line_is_cut_off_too(path):
    path.write_bytes((to_json(noted(1)) + "\n").encode() + b'{"event":"' + b"x" * 300_000)
    sink = JournalSink(path)
    sink.write(noted(2))
    sink.close()
    assert numbers(read_journal(path)) == [1, 2] and path.stat().st_size < 1000


def test_a_torn_line_that_is_whole_but_for_its_newline_is_kept(path):
    path.write_bytes(to_json(noted(1)).encode())
    sink = JournalSink(path)
    sink.write(noted(2))
    sink.close()
    assert numbers(read_journal(path)) == [1, 2]


# -------------------------------------------------------------------------------------------------------- the tail


def drained(tail: JournalTail) -> list[e.Event]:
    items = []
    while tail.behind:
        items += tail.read()
    return items


def test_a_tail_follows_byte_by_byte(path):
    content = b"".join((to_json(noted(number)) + "\n").encode() for number in range(4))
    tail, read = JournalTail(path), []
    assert not tail.behind and tail.read() == []
    with path.open("ab", buffering=0) as file:
        for count, byte in enumerate(content, 1):
            file.write(bytes([byte]))
            read += drained(tail)
            assert len(read) == content.count(b"\n", 0, count)
    assert numbers(read) == [0, 1, 2, 3] and tail.damaged == 0


def test_a_tail_takes_a_long_journal_in_portions(path, monkeypatch):
    monkeypatch.setattr(journal_module, "TAIL_BYTES", 1000)
    path.write_bytes(b"".join((to_json(noted(number, number * 20)) + "\n").encode() for number in range(200)))
    tail = JournalTail(path)
    portions = []
    while tail.behind:
        portions.append(tail.read())
    assert numbers([item for portion in portions for item in portion]) == list(range(200))
    assert len(portions) > 100


@pytest.mark.parametrize("damage", [b"\xff", b"\0", b"}", b"[" * 20_000], ids=["utf8", "null", "brace", "deep"])
def test_a_damaged_line_inside_is_passed_over_and_counted(path, damage):
    lines = [to_json(noted(number)).encode() for number in range(5)]
    lines[2] = lines[2][:5] + damage + lines[2][5:]  # in the name that makes it an event
    path.write_bytes(b"\n".join(lines) + b"\n")
    tail = JournalTail(path)
    read = drained(tail)
    assert numbers(read) == [0, 1, 3, 4] and tail.damaged == 1


def test_flipped_bits_never_break_a_tail(path):
    content = b"".join((to_json(noted(number)) + "\n").encode() for number in range(5))
    shuffle = random.Random(7)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[shuffle.randrange(len(content))] ^= 1 << shuffle.randrange(8)
        path.write_bytes(damaged)
        tail = JournalTail(path)
        assert len(drained(tail)) >= 3
        assert tail.damaged <= 2


def test_a_line_that_is_too_long_is_no_event(path, monkeypatch):
    monkeypatch.setattr(journal_module, "TAIL_BYTES", 100)
    monkeypatch.setattr(journal_module, "LONGEST_LINE", 1000)
    path.write_bytes((to_json(noted(1)) + "\n").encode() + b"x" * 12_345 + b"\n" + (to_json(noted(2)) + "\n").encode())
    tail = JournalTail(path)
    assert numbers(drained(tail)) == [1, 2] and tail.damaged == 1


def test_events_that_are_not_wanted_are_passed_over(path):
    items = [noted(1), e.WeightsSampled(epoch=1, histograms=()), noted(2)]
    path.write_text("".join(to_json(item) + "\n" for item in items))
    tail = JournalTail(path, passing=("WeightsSampled",))
    assert numbers(drained(tail)) == [1, 2] and tail.damaged == 0
    assert len(drained(JournalTail(path))) == 3


def test_a_journal_that_is_cut_off_does_not_come_twice(path):
    path.write_text("".join(to_json(noted(number)) + "\n" for number in range(5)))
    tail = JournalTail(path)
    drained(tail)
    path.write_text(to_json(noted(9)) + "\n")
    assert drained(tail) == [] and tail.damaged == 1
    with path.open("a") as file:
        file.write(to_json(noted(10)) + "\n")
    assert numbers(drained(tail)) == [10]


def test_a_line_taken_back_and_written_anew_is_seen(path):
    """The new line has as many bytes as the torn one had: the size alone does not tell."""
    tail = JournalTail(path)
    first, second = (to_json(noted(number)) + "\n" for number in (1, 2))
    path.write_text(first + "x" * len(second))
    assert numbers(drained(tail)) == [1]
    path.write_text(first + second)
    os.utime(path, ns=(1, time.time_ns() + 10**9))
    assert numbers(drained(tail)) == [2]


WRITER = """
import sys
from pathlib import Path
from engine import events as e
from engine.journal import JournalSink
sink = JournalSink(Path(sys.argv[1]))
number = 0
while True:
    sink.write(e.Noted(text=f"{number} " + "x" * (number * 37 % 900)))
    number += 1
"""


def test_a_writer_killed_at_any_time_leaves_a_journal_to_go_on_with(path):
    """Killed and taken up again five times, and followed all the time: each life's lines are whole and in order."""
    tail, read = JournalTail(path), []
    for life in range(1, 6):
        root = Path(journal_module.__file__).parents[1]
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=root)
        try:
            until(lambda life=life: read.extend(drained_a_while(tail)) or numbers(read).count(0) == life)
        finally:
            end(writer.pid, signal.SIGKILL)
            writer.returncode = -9
    read += drained(tail)
    assert tail.damaged == 0
    found = numbers(read)
    starts = [at for at, number in enumerate(found) if number == 0] + [len(found)]
    for begin, stop in itertools.pairwise(starts):
        assert found[begin:stop] == list(range(stop - begin))


def drained_a_while(tail: JournalTail) -> list[e.Event]:
    items, until_ = [], time.monotonic() + 0.1
    while tail.behind and time.monotonic() < until_:
        items += tail.read()
    return items


# ------------------------------------------------------------------------------------------------------------- the tee


def test_a_tee_may_be_called_from_several_threads(path):
    """Every sink sees the same order, and each event is whole before the next begins."""
    orders: list[list[int]] = [[], []]
    inside = threading.Lock()

    def act(order):
        def take(event):
            assert inside.acquire(blocking=False), "two events at once"
            order.append(int(event.text.split()[0]))
            inside.release()

        return take

    tee = Tee([JournalSink(path), *(Acting(act(order)) for order in orders)])
    ready = threading.Barrier(8)

    def tell(thread: int):
        ready.wait(WAIT)
        for count in range(100):
            tee(noted(thread * 1000 + count))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    tee.close()
    assert len(orders[0]) == 800
    assert orders[0] == orders[1] == numbers(read_journal(path))
    for thread in range(8):
        assert [number for number in orders[0] if number // 1000 == thread] == [thread * 1000 + c for c in range(100)]


def test_a_sink_that_catches_up_stays_and_one_that_does_not_goes():
    class Late(Acting):
        name = "late"
        broken = False

        def write(self, event):
            if self.broken:
                raise Backlogged("no room")
            super().write(event)

    late, seen = Late(), Acting()
    tee = Tee([seen, late])
    for broken in (False, True, True, False, True, False):
        late.broken = broken
        tee(e.Paused(epoch=1))
    names = [name for name in seen.names() if name != "Paused"]
    assert names == ["SinkFailed", "Noted", "SinkFailed", "Noted"], (
        "once each time that it begins, once when it is over"
    )
    tee.close()
    assert late.closed == 1
