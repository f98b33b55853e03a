"""One module's mutants against the tests that concern it. Imports pytest.

The tests are collected once. Every mutant is a forked process in which the functions that it
changes get other code, and the tests that called them run until one fails: milliseconds each. What
a function did before the fork (constants, parametrized tests, caches) keeps the old code, so that a
mutant of a module's own statements, and one that survives in a function that was called by then, is
tried in a process that imports the mutated module afresh. Limits are of processor time, because a
busy machine must not kill a mutant.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from tools.mutation.mutants import Mutant

_PYTEST = ("-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutants")
_MOST_MEMORY = 8 * 2**30
_PASSED, _FAILED = 0, 1


@dataclass(frozen=True)
class Baseline:
    """The tests on the module as it is: lines of the functions that each calls, and seconds."""

    called: dict[str, set[int]]
    seconds: dict[str, float]

    @property
    def limit(self) -> int:
        """Seconds of processor time after which a mutant counts as one that never ends."""
        return 2 + int(4 * sum(self.seconds.values()))


def killed(root: Path, module: str, tests: Sequence[str], mutants: Sequence[Mutant]) -> list[bool]:
    """Which of a module's mutants its tests kill."""
    results = root / ".mutants" / f"{module.replace('/', '.')}.session"
    results.parent.mkdir(exist_ok=True)
    results.unlink(missing_ok=True)
    loop = _Loop(root / module, mutants, results)
    log = results.with_suffix(".log")
    status = _forked(lambda: int(pytest.main([*_PYTEST, *tests], plugins=[_Profile(), loop])), log)
    if status != _PASSED or not results.exists():
        raise SystemExit(f"{module}: its tests fail without any mutant\n{log.read_text()}")
    outcome = json.loads(results.read_text())
    return [
        fate == "killed"
        or (fate == "afresh" and _afresh(root, mutant, tests, outcome["limit"], log))
        for mutant, fate in zip(mutants, outcome["fates"], strict=True)
    ]


class _Profile:
    """The plugin for hypothesis: few examples, always the same, and no shrinking of failures."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings  # pytest wants to be first to import a plugin

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutants",
            max_examples=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=phases,
        )


class _Loop:
    """The plugin that runs the collected tests once for every mutant, in a process each."""

    def __init__(self, path: Path, mutants: Sequence[Mutant], results: Path) -> None:
        self.path, self.mutants, self.results = path, mutants, results
        self.collection = _Calls(str(path))

    def pytest_sessionstart(self) -> None:
        self.collection.__enter__()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.collection.__exit__()
        baseline = self._baseline(session.items)
        original = compile(self.path.read_text(), str(self.path), "exec", dont_inherit=True)
        live = _live_functions(str(self.path))
        gc.freeze()  # forked processes share these pages as long as nobody walks them
        fates = [self._fate(session.items, baseline, original, live, m) for m in self.mutants]
        self.results.write_text(json.dumps({"fates": fates, "limit": baseline.limit}))
        return True

    def _baseline(self, items: Sequence[pytest.Item]) -> Baseline:
        answer = self.results.with_suffix(".baseline")

        def run() -> int:
            lines: dict[str, set[int]] = {}
            seconds: dict[str, float] = {}
            for item in items:
                start = time.process_time()
                with _Calls(str(self.path)) as calls:
                    failed = _run([item])
                if failed:
                    return _FAILED
                lines[item.nodeid] = calls.lines
                seconds[item.nodeid] = time.process_time() - start
            answer.write_text(
                json.dumps({"called": {k: sorted(v) for k, v in lines.items()}, "seconds": seconds})
            )
            return _PASSED

        if _forked(run) != _PASSED:
            raise pytest.UsageError("a test fails without any mutant")
        stored = json.loads(answer.read_text())
        return Baseline({k: set(v) for k, v in stored["called"].items()}, stored["seconds"])

    def _fate(
        self,
        items: Sequence[pytest.Item],
        baseline: Baseline,
        original: CodeType,
        live: dict[tuple[str, int], list[FunctionType]],
        mutant: Mutant,
    ) -> str:
        changed = _changed_functions(
            original, compile(mutant.source, str(self.path), "exec", dont_inherit=True)
        )
        swaps = [(f, code) for key, code in (changed or {}).items() for f in live.get(key, ())]
        if not swaps or any(f.__code__.co_freevars != code.co_freevars for f, code in swaps):
            return "afresh"
        spans = [_span(f.__code__) for f, _ in swaps]
        concerned = [item for item in items if _calls_into(baseline.called[item.nodeid], spans)]
        concerned.sort(key=lambda item: baseline.seconds[item.nodeid])

        def run() -> int:
            _limit(baseline.limit)
            for function, code in swaps:
                function.__code__ = code
            return _run(concerned)

        if concerned and _forked(run) != _PASSED:
            return "killed"
        return "afresh" if _calls_into(self.collection.lines, spans) else "survived"


def _run(items: Sequence[pytest.Item]) -> int:
    """Run tests until one fails."""
    watch = _Watch()
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.pluginmanager.register(watch)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        finally:
            item.config.pluginmanager.unregister(watch)
        if watch.failed:
            return _FAILED
    return _PASSED


class _Watch:
    failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed


class _Calls:
    """First lines of a file's functions that are called while it is open."""

    def __init__(self, path: str) -> None:
        self.path, self.lines = path, set[int]()

    def __enter__(self) -> _Calls:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> None:
        if frame.f_code.co_filename == self.path:
            self.lines.add(frame.f_code.co_firstlineno)


def _functions(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """The functions and methods of a module's code; functions inside functions belong to them."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 1:  # CO_OPTIMIZED: a function, not the body of a class
                yield (constant.co_qualname, constant.co_firstlineno), constant
            else:
                yield from _functions(constant)


def _statements(code: CodeType) -> list[object]:
    """What a module and its classes do on import, functions left out."""
    own = [c for c in code.co_consts if not isinstance(c, CodeType)]
    classes = [c for c in code.co_consts if isinstance(c, CodeType) and not c.co_flags & 1]
    inner = [_statements(c) for c in classes]
    return [code.co_code, code.co_names, [(type(c), repr(c)) for c in own], inner]


def _changed_functions(
    original: CodeType, mutated: CodeType
) -> dict[tuple[str, int], CodeType] | None:
    """New code of the functions that differ; ``None`` where statements of the module differ."""
    old, new = dict(_functions(original)), dict(_functions(mutated))
    if _statements(original) != _statements(mutated) or old.keys() != new.keys():
        return None
    return {key: code for key, code in new.items() if code != old[key]}


def _live_functions(path: str) -> dict[tuple[str, int], list[FunctionType]]:
    live: dict[tuple[str, int], list[FunctionType]] = {}
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename == path:
            code = function.__code__
            live.setdefault((code.co_qualname, code.co_firstlineno), []).append(function)
    return live


def _span(code: CodeType) -> tuple[int, int]:
    lines = [line for _, _, line in code.co_lines() if line is not None]
    inner = [_span(c) for c in code.co_consts if isinstance(c, CodeType)]
    return min(code.co_firstlineno, *lines), max([*lines, *(last for _, last in inner)])


def _calls_into(lines: set[int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(first <= line <= last for line in lines for first, last in spans)


def _afresh(root: Path, mutant: Mutant, tests: Sequence[str], limit: int, log: Path) -> bool:
    """Whether the tests fail in a process that imports the mutated module."""

    def run() -> int:
        _limit(limit + 30)  # imports and collection take some
        name = mutant.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        loader = _Loader(name, str(root / mutant.module), mutant.source)
        sys.meta_path.insert(0, _Finder(loader))
        return int(pytest.main([*_PYTEST, "-x", *tests], plugins=[_Profile()]))

    return _forked(run, log) != _PASSED


class _Loader(importlib.machinery.SourceFileLoader):
    """Run a mutated source under the name and path of its module."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.mutated = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        return compile(self.mutated, str(self.path), "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Find one module, the mutated one."""

    def __init__(self, loader: _Loader) -> None:
        self.loader = loader

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.loader.name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self.loader, origin=str(self.loader.path))


def _limit(seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))


def _forked(run: Callable[[], int], log: Path | None = None) -> int:
    """The exit status of a function run in a process of its own; its output goes to a file."""
    child = os.fork()
    if child == 0:
        status = _FAILED
        try:
            if log is not None:
                descriptor = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
                os.dup2(descriptor, 1)
                os.dup2(descriptor, 2)
            status = run()
        except BaseException:  # the parent must not go on twice
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitpid(child, 0)[1]
