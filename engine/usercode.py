"""A person's own code: found by its import path, loaded and called so that whatever it does becomes one line and its own frames.

The current folder comes first on the way to a module, as with ``python script.py``, but only while that code is loaded or
called, so that a ``random.py`` beside it does not take the place of Python's own for us. What the code changes in the process
while it is loaded (folder, signal handlers, standard output, random numbers) is put back. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import ConfigError, InputError, config_error
from .importpath import is_python_file, split_import_path
from .text import clean, closest
from .userframes import failure, is_users, shown_path

_OURS = ("engine", "tui")
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGCONT") if hasattr(signal, name)
)


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of the user's that was loaded. sha256: of its content when it was."""

    module: str
    path: str
    sha256: str


_loaded: dict[str, CodeFile] = {}
_stamps: dict[str, tuple[int, int]] = {}
_paths: list[str] = []


def load_object(path: str, key: str) -> Any:
    """The object that ``mypkg.nets:Net`` or ``path/to/nets.py:Net`` names. key: the knob that says so.

    Code that was loaded here before and has changed on disk since is loaded anew. Raises ConfigError when there is no such
    module, file or name, and CodeError when loading it fails.
    """
    split = split_import_path(path)
    if split is None:
        raise config_error(key, f"{clean(repr(path), 80)} names nothing in a module", "write mypkg.nets:Net")
    home, name = split
    if any(_stamp(file) != stamp for file, stamp in _stamps.items()):
        forget()
    found: Any = _from_file(home, key) if is_python_file(home) else _from_module(home, key, name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise _no_such_name(key, home, found, part)
        found = getattr(found, part)
    return found


def forget() -> None:
    """Let go of all code that was loaded here: what is asked for next comes from the disk again."""
    for module in _loaded:
        sys.modules.pop(module, None)
    _loaded.clear()
    _stamps.clear()
    importlib.invalidate_caches()


def code_files() -> tuple[CodeFile, ...]:
    """The user's files that are loaded, packages of others left out."""
    return tuple(sorted(_loaded.values(), key=lambda one: one.path))


def code_stamp() -> tuple[Any, ...]:
    """What changes when one of these files does."""
    return tuple((file, _stamp(file)) for file in sorted(_stamps))


def _stamp(file: str) -> tuple[int, int]:
    try:
        about = os.stat(file)
    except OSError:
        return (0, 0)
    return about.st_mtime_ns, about.st_size


# ---- finding and loading ----


def _from_module(home: str, key: str, name: str) -> ModuleType:
    top = home.partition(".")[0]
    if top in _OURS:
        file = f"./{home.replace('.', '/')}.py"
        problem = f"'{top}' is a package of nntui's own, so that yours cannot be found by this name"
        raise config_error(key, problem, f"name the file instead, such as {file}:{name}, or rename the package")
    with _recorded(), guarded(key, f"loading {home}"):
        try:
            return importlib.import_module(home)
        except ModuleNotFoundError as error:
            if error.name is not None and (home == error.name or home.startswith(f"{error.name}.")):
                missing = clean(error.name, 80)
                hint = "it is looked for in the current folder and among the installed packages; a file is named as path/to/nets.py:Net"
                raise config_error(key, f"no module is called '{missing}'", hint) from None
            raise


def _from_file(home: str, key: str) -> ModuleType:
    try:
        file = Path(home).expanduser().resolve()
        there = file.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise config_error(key, f"{clean(home)} cannot be read: {clean(error)}", "check the path") from None
    if not there:
        raise config_error(key, f"no such file: {clean(home)}", "check the path; it is taken from the current folder")
    for known in _loaded.values():
        if known.path == str(file) and known.module in sys.modules:
            return sys.modules[known.module]
    name = file.stem if file.stem.isidentifier() else "usercode"
    while name in sys.modules or name in _OURS or name in sys.stdlib_module_names:
        name = f"{name}_"
    with _recorded(), guarded(key, f"loading {file.name}", str(file.parent)):
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None, "the name ends in .py"
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        _note(name, str(file))
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


@contextlib.contextmanager
def _recorded() -> Iterator[None]:
    """Remember which of the user's modules come in meanwhile; no bytecode is written beside them, or trusted."""
    before = set(sys.modules)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if isinstance(file, str) and is_users(file) and name not in _loaded:
                _note(name, file)


def _note(name: str, file: str) -> None:
    try:
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        digest = ""
    _loaded[name] = CodeFile(name, file, digest)
    _stamps[file] = _stamp(file)


def _no_such_name(key: str, home: str, found: Any, part: str) -> ConfigError:
    names = [name for name in vars(found) if not name.startswith("_")] if hasattr(found, "__dict__") else []
    own = [name for name in names if callable(getattr(found, name)) and _made_in(found, getattr(found, name))]
    match = closest(part, names)
    file = f"./{home.replace('.', '/')}.py"
    if not is_python_file(home) and not is_users(getattr(found, "__file__", None) or "") and os.path.exists(file):
        problem = (
            f"'{clean(home, 60)}' is a module of Python's or of an installed package, which hides {clean(file, 80)}"
        )
        return config_error(key, problem, f"name the file instead: {clean(file, 80)}:{clean(part, 60)}")
    listed = ", ".join(clean(name, 30) for name in own[:8])
    hint = f"did you mean '{clean(match, 60)}'?" if match else f"it has {listed}" if listed else ""
    return config_error(key, f"{clean(home, 200)} has nothing called '{clean(part, 60)}'", hint)


def _made_in(module: Any, value: Any) -> bool:
    return getattr(value, "__module__", None) == getattr(module, "__name__", "")


# ---- calling ----


@contextlib.contextmanager
def guarded(key: str, doing: str, folder: str = "", *, keeps_chance: bool = True) -> Iterator[None]:
    """Run the user's code inside: what it raises becomes a CodeError, and what it changes in the process is put back.

    key: the knob that names the code; doing: in words, such as ``loading nets.py``. folder: of a file that is loaded, where its
    neighbours are found as well. keeps_chance: put the random generators back as well.
    """
    with _put_back(keeps_chance), _importable(folder):
        try:
            yield
        except (InputError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise failure(error, key, doing) from error


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    """The current folder, and that of a file, in front of the way to modules; behind it afterwards, for imports at a later call."""
    first = [*([folder] if folder else []), os.getcwd()]
    before = list(sys.path)
    sys.path[:0] = [path for path in first if path not in sys.path[:1]]
    try:
        yield
    finally:
        _paths.extend(path for path in first if path not in _paths)
        added = [path for path in sys.path if path not in before and path not in first]  # by the code itself
        sys.path[:] = [*before, *added, *(path for path in _paths if path not in before)]


@contextlib.contextmanager
def _put_back(chance: bool) -> Iterator[None]:
    main = threading.current_thread() is threading.main_thread()
    folder = os.getcwd()
    streams = sys.stdin, sys.stdout, sys.stderr
    handlers = {number: signal.getsignal(number) for number in _SIGNALS} if main else {}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if main else set()
    limit, arguments = sys.getrecursionlimit(), list(sys.argv)
    generators = _chance_of_process() if chance else None
    torch_state = _torch_state()
    try:
        with open(os.devnull, encoding="utf-8") as nothing:  # who asks a question here would wait for ever
            sys.stdin = nothing
            yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        sys.stdin, sys.stdout, sys.stderr = streams
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)
        if main:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        sys.setrecursionlimit(limit)
        sys.argv[:] = arguments
        _restore_torch(torch_state)
        if generators is not None:
            _restore_chance(generators)


def _chance_of_process() -> tuple[Any, Any, Any]:
    """The states of the generators that belong to the whole process, of those libraries that are in use."""
    import random

    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    return (
        random.getstate(),
        numpy.random.get_state() if numpy is not None else None,
        torch.get_rng_state() if torch is not None else None,
    )


def _restore_chance(states: tuple[Any, Any, Any]) -> None:
    import random

    random.setstate(states[0])
    if states[1] is not None:
        sys.modules["numpy"].random.set_state(states[1])
    if states[2] is not None:
        sys.modules["torch"].set_rng_state(states[2])


def _torch_state() -> tuple[Any, ...] | None:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return None
    return torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()


def _restore_torch(state: tuple[Any, ...] | None) -> None:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    dtype, grad, threads = (
        state if state is not None else (torch.float32, True, None)
    )  # it came in with the user's code
    if torch.get_default_dtype() is not dtype:
        torch.set_default_dtype(dtype)
    if torch.is_grad_enabled() != grad:
        torch.set_grad_enabled(grad)
    if threads is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    torch.set_default_device(None)


def callable_words(target: Any) -> str:
    """What is called, in words: ``Net``, ``make``."""
    return clean(getattr(target, "__name__", type(target).__name__), 60)


def source_of(target: Any) -> str:
    """``nets.py:12`` where a class, function or method of the user's begins, or "" where that is not known or not theirs."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(target))
        if file is None or not is_users(file):
            return ""
        return f"{shown_path(file)}:{inspect.getsourcelines(inspect.unwrap(target))[1]}"
    except (TypeError, OSError, ValueError):
        return ""
