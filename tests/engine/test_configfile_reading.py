"""Reading TOML files: pipes, folders, foreign encodings, hostile content; and the line that a fault stands on."""

from __future__ import annotations

import os
import threading
import time

import pytest

from engine import ConfigError, load_config


@pytest.fixture
def fault_of(tmp_path):
    """The one line that a file's content is refused with, its folder left out."""

    def load(content: str | bytes, settings: tuple[str, ...] = ()) -> str:
        path = tmp_path / "run.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ConfigError) as caught:
            load_config(path, settings)
        assert len(caught.value.faults) == 1, caught.value
        return str(caught.value).replace(f"{tmp_path}{os.sep}", "")

    return load


def test_files_that_are_no_configuration(tmp_path, fault_of):
    def fault(path) -> str:
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        return str(caught.value)

    assert fault(tmp_path / "none.toml").startswith(f"{tmp_path}/none.toml: no such file; ")
    assert "is a folder, not a TOML file" in fault(tmp_path)
    assert "cannot be read: embedded null byte" in fault("a\0b.toml")
    assert "cannot be read: " in fault("~no-such-user-here/x.toml")
    assert "cannot be read: " in fault(tmp_path / ("x" * 300))
    assert fault_of(b"[run]\nname = '\xff'\n") == "run.toml: is not UTF-8 text; save the file as UTF-8"
    assert fault_of("[optimizer]\nname = sgd\n").startswith("run.toml:2: is not valid TOML: Invalid value; text values")
    assert fault_of("x = " + "[" * 5000 + "]" * 5000) == "run.toml: is not valid TOML: nested too deeply"
    assert "is not valid TOML: " in fault_of("[optimizer]\nlr = " + "1" * 5000)
    assert "is too large" in fault_of("#" * 1_000_001)
    assert fault_of("[data]\nsource" + ".a" * 3000 + " = 1").startswith("run.toml:1: data.source: must be text")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without end")
def test_a_file_without_end_is_refused():
    with pytest.raises(ConfigError, match="is too large"):
        load_config("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once_and_its_lines_are_known(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("[run]\nepochs = 0\n",), daemon=True)
    writer.start()
    with pytest.raises(ConfigError, match=r"pipe:2: run\.epochs: must be at least 1"):
        load_config(path)
    writer.join(60)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path, fault_of):
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf[run]\r\nepochs = 3\r\n")
    assert load_config(path).run.epochs == 3
    assert fault_of(b"\xef\xbb\xbf[run]\r\n\r\nepochs = 0\r\n").startswith("run.toml:3: run.epochs")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("optimizer.lr = -1", "run.toml:1: optimizer.lr"),
        ("optimizer = { lr = -1 }", "run.toml:1: optimizer.lr"),
        ('# a\n["optimizer"] # b\n  "lr"   =   -1', "run.toml:3: optimizer.lr"),
        ("[ optimizer ]\n\nlr=-1", "run.toml:3: optimizer.lr"),
        ("# a line\u2028of a comment\u0085\n[optimizer]\nlr = -1", "run.toml:3: optimizer.lr"),
    ],
)
def test_the_line_of_a_fault_however_it_is_written(fault_of, content, place):
    assert fault_of(content).startswith(place)


def test_finding_the_line_takes_no_time_in_long_lines(fault_of):
    began = time.process_time()
    fault_of("[model]\nhidden = [\n[" + " " * 200_000 + "]\n]")
    fault_of('[run]\nname = """\n' + "a." * 200_000 + '"""')
    assert time.process_time() - began < 5
