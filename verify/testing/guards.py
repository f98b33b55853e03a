"""Guards that tests ask for: each is run once, however many tests share it, and kept.

Imports filelock, ``reports`` and ``verify``. A result is kept under the digests of its code and
settings. Processes of pytest-xdist wait for the one that measures, and read what it found.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock

from probes.modules.surroundings import untouched_randomness
from reports.guard.document import GuardReport
from reports.guard.share import NETWORK
from theory.errors import DomainError, InputError, choices
from theory.prediction import Profile
from theory.scaling import Axis
from verify.cli.guard import against
from verify.documents.checkout import write_files
from verify.guarding.lock import read_lock, write_lock
from verify.guarding.measurements import Measurements
from verify.guarding.run import DEPTHS, WIDTHS, guard, plans_of
from verify.guarding.structure import folded
from verify.guarding.subject import Subject
from verify.testing.source import factory_digest, surroundings_digest

# How much work a profile is; what a test gives itself comes before it.
PROFILES: Mapping[Profile, Mapping[str, Any]] = {
    Profile.QUICK: {"seeds": 3, "steps": (1,)},
    Profile.STANDARD: {},
    Profile.FULL: {"seeds": 8},
}
_SIZES = {Axis.WIDTH: WIDTHS, Axis.DEPTH: DEPTHS}
UPDATE = "--scaling-update"
_LONGEST = 120  # name of a file
_MOST_KEPT = 50  # results, of some 100 kB each
_NAMED = TypeVar("_NAMED", Axis, Profile)


@dataclass(frozen=True, eq=False)
class Asked:
    """A guard that a test asks for: a factory with options, and the name of the test."""

    factory: Callable[..., Any]
    options: Mapping[str, Any]
    name: str

    @classmethod
    def of(
        cls,
        factory: Callable[..., Any],
        options: Mapping[str, Any],
        name: str,
        axis: str | None = None,
        profile: str | None = None,
    ) -> Asked:
        """The options of a test with what its marks choose: an axis, and the work of a profile."""
        made = {**PROFILES[_named("profile", profile or Profile.STANDARD, Profile)], **options}
        if axis is not None:
            along = _named("axis", axis, Axis)
            odd = [f"{other}s" for other in Axis if other is not along and f"{other}s" in made]
            if odd:
                raise InputError(f"{odd[0]} are given, and the mark says {along}; leave one out")
            made.setdefault(f"{along}s", _SIZES[along])
        return cls(factory, made, name)

    def modules(self) -> list[tuple[Axis, str]]:
        """Axes and modules with parameters of their own, in the smallest network; then the rest.

        Blocks are one in depth. The factory is called once for each axis.
        """
        subject = Subject.of(self.factory)
        found: list[tuple[Axis, str]] = []
        for plan in plans_of(subject, self.options.get("widths"), self.options.get("depths")):
            with untouched_randomness():
                model = Measurements(subject, plan).make(plan.sizes[0], 0).model
            names = [
                folded(name) if plan.axis is Axis.DEPTH else name
                for name, module in model.named_modules()
                if next(module.parameters(recurse=False), None) is not None
            ]
            found += [(plan.axis, name) for name in (*dict.fromkeys(names), NETWORK)]
        return found

    @property
    def settings(self) -> str:
        """The options in words."""
        return repr(sorted(self.options.items()))

    def command(self, root: Path) -> str:
        """What repeats it, and tries mends: a command, or a call where no file has the factory."""
        name = getattr(self.factory, "__qualname__", "factory")
        code = getattr(self.factory, "__code__", None)
        unsaid = ("mend", "first_seed", "target", "progress")
        shown = {k: v for k, v in self.options.items() if v is not None and k not in unsaid}
        if code is None or "<" in name or "first_seed" in self.options:
            given = "".join(f", {option}={value!r}" for option, value in shown.items())
            return f"scaleproof.guard({name.rpartition('.')[2]}{given}, mend=True)"
        path = os.path.relpath(code.co_filename, root)
        parts = ["scaleproof", "guard", f"{path}:{name}"]
        for option, value in shown.items():
            listed = isinstance(value, tuple | list | range)
            text = ",".join(map(str, value)) if listed else str(value)
            parts += [f"--{option}", text]
        return shlex.join([*parts, "--mend"])


def _named(what: str, value: str, kinds: type[_NAMED]) -> _NAMED:
    try:
        return kinds(value)
    except ValueError:
        raise choices(what, value, kinds) from None


@dataclass
class Guards:
    """All guards of a test session.

    ``kept`` is the folder of results, ``locks`` that of lock files, each of them ``None`` where
    there is none; ``update`` writes lock files in place of comparing with them.
    """

    kept: Path | None
    locks: Path | None
    update: bool
    _measured: dict[tuple[int, str], tuple[Asked, GuardReport | DomainError]] = field(
        default_factory=dict
    )

    def report(self, asked: Asked) -> GuardReport:
        """The report of a guard with what moved against the lock file of its test.

        Raises ``DomainError``. Nothing is measured twice, nor is an error met twice.
        """
        key = (id(asked.factory), asked.settings)
        if key not in self._measured:
            try:
                self._measured[key] = (asked, self._kept_or_run(asked))
            except DomainError as error:
                self._measured[key] = (asked, error)
        found = self._measured[key][1]
        if isinstance(found, DomainError):
            raise found
        return self._compared(asked, found)

    def _kept_or_run(self, asked: Asked) -> GuardReport:
        code = None if self.kept is None else factory_digest(asked.factory)
        if self.kept is None or code is None:
            return _run(asked)
        parts = (code, surroundings_digest(), asked.settings, _device())
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        path = self.kept / f"guard-{key}.json"
        with FileLock(path.with_suffix(".lock")):
            report = _read(path)
            if report is None:
                report = _run(asked)
                write_files({path: report.model_dump_json()})
                _forget_oldest(self.kept)
        return report

    def _compared(self, asked: Asked, report: GuardReport) -> GuardReport:
        if self.locks is None:
            return report
        path = self.locks / f"{_slug(asked.name)}.lock.json"
        if self.update:
            self.locks.mkdir(parents=True, exist_ok=True)
            write_lock(report, path)
            return report
        try:
            return against(report, os.fspath(path), read_lock(path))
        except DomainError as error:
            raise type(error)(f"{error} (in pytest: {UPDATE})") from None


def _run(asked: Asked) -> GuardReport:
    target = getattr(asked.factory, "__name__", asked.name)
    return guard(asked.factory, **{"target": target, **asked.options}).document


def _device() -> str:
    """Factories may choose the device that is there."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _read(path: Path) -> GuardReport | None:
    """The report that was kept; nothing where there is none, or a damaged one."""
    try:
        return GuardReport.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _forget_oldest(folder: Path) -> None:
    """Of other code than today's: one process may forget what another has forgotten already."""
    for path in sorted(folder.glob("guard-*.json"), key=_age)[:-_MOST_KEPT]:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """When it was written; long ago, if another process has forgotten it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _slug(name: str) -> str:
    """A test's name as that of a file, another one for every test.

    ``tests/test_net.py::test_guard[small]`` becomes ``tests.test_net.py-test_guard-small``. Where
    more than these signs has to go, a digest follows.
    """
    readable = name.replace("/", ".").replace("::", "-")
    if readable.endswith("]"):
        readable = readable[:-1].replace("[", "-", 1)
    plain = re.sub(r"[^\w.=-]+", "-", readable)
    if plain == readable and len(plain) <= _LONGEST:
        return plain
    return f"{plain[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
