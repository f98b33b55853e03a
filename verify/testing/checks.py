"""The plugin's fixtures: guards shared out to tests. Imports pytest, ``reports`` and ``verify``.

A test passes where its share is accepted, and fails where something in it is rejected, has moved or
is at fault. Where all announced looks left something open it is skipped, or fails if that is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from reports.guard.document import Entry
from reports.guard.rows import named
from reports.guard.share import (
    NETWORK,
    Share,
    failure_text,
    share_of,
    undecided_text,
    whole,
)
from reports.guard.text import when
from theory.errors import DomainError
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.result import Guard
from verify.testing.guards import Asked, Guards
from verify.testing.marks import MARK

AXIS_MARK, PROFILE_MARK = "scaling_axis", "scaling_profile"
_GUARDS = pytest.StashKey[Guards]()
_CALLS = pytest.StashKey[int]()

Property = tuple[str, object]


class Parts:
    """What the items of one test share: the guard that is asked for, and all axes and modules."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        try:
            self.modules = asked.modules()
        except DomainError:
            # The factory breaks the contract: one item, which says so.
            self.modules = [(Axis.WIDTH, NETWORK)]


def guards_of(config: pytest.Config) -> Guards:
    """The guards of a session."""
    if _GUARDS not in config.stash:
        cache = getattr(config, "cache", None)
        folder = config.getoption("scaling_lock")
        config.stash[_GUARDS] = Guards(
            kept=None if cache is None else cache.mkdir("scaleproof"),
            locks=None if folder is None else config.invocation_params.dir / folder,
            update=config.getoption("scaling_update"),
        )
    return config.stash[_GUARDS]


def _marked(item: pytest.Item | pytest.Function, name: str) -> str | None:
    """The argument of the closest mark of a name."""
    mark = item.get_closest_marker(name)
    if mark is None:
        return None
    if len(mark.args) != 1 or mark.kwargs:
        raise pytest.UsageError(f"{item.nodeid}: expected one name, as in @pytest.mark.{name}(...)")
    return str(mark.args[0])


def _asked(
    item: pytest.Item, factory: Callable[..., Any], options: dict[str, Any], name: str
) -> Asked:
    axis, profile = _marked(item, AXIS_MARK), _marked(item, PROFILE_MARK)
    return Asked.of(factory, options, name, axis, profile)


def guard_fixture(item: pytest.Item) -> Callable[..., Guard]:
    """What the fixture ``scaling_guard`` gives to a test."""

    def scaling_guard(factory: Callable[..., Any], **options: Any) -> Guard:
        __tracebackhide__ = True
        calls = item.stash[_CALLS] = item.stash.get(_CALLS, 0) + 1
        name = item.nodeid if calls == 1 else f"{item.nodeid}-{calls}"
        try:
            asked = _asked(item, factory, options, name)
            report = guards_of(item.config).report(asked)
        except DomainError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        conclude(item, whole(report), asked.command(item.config.rootpath))
        return Guard(report)

    return scaling_guard


def parametrize(metafunc: pytest.Metafunc) -> None:
    """One item for each module and axis of the network that the mark of a test names."""
    definition = metafunc.definition
    mark = definition.get_closest_marker(MARK)
    assert mark is not None
    if "scaling_check" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{definition.nodeid}: a test under @scaling_checks takes scaling_check, and calls it"
        )
    try:
        asked = _asked(definition, mark.args[0], dict(mark.kwargs), definition.nodeid)
    except DomainError as error:
        raise pytest.UsageError(f"{definition.nodeid}: {error}") from None
    parts = Parts(asked)
    metafunc.parametrize(
        "scaling_check",
        [
            pytest.param(
                (parts, axis, module), id=f"{axis}-{module or '(model)'}", marks=pytest.mark.scaling
            )
            for axis, module in parts.modules
        ],
        indirect=True,
    )


def check_fixture(item: pytest.Item, param: tuple[Parts, Axis, str]) -> Callable[[], None]:
    """What the fixture ``scaling_check`` gives to an item."""
    parts, axis, module = param

    def scaling_check() -> None:
        __tracebackhide__ = True
        try:
            report = guards_of(item.config).report(parts.asked)
        except DomainError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        modules = [name for along, name in parts.modules if along is axis]
        share = share_of(report, axis, module, [name for name in modules if name != NETWORK])
        conclude(item, share, parts.asked.command(item.config.rootpath))

    return scaling_check


def conclude(item: pytest.Item, share: Share, command: str) -> None:
    """Pass, fail or skip by the verdict of a share; estimates become properties of the test."""
    __tracebackhide__ = True
    item.user_properties += map(_property, _judged(share.entries))
    if share.verdict is Verdict.REJECTED:
        raise AssertionError(failure_text(share, command))
    if share.verdict is Verdict.INCONCLUSIVE:
        if item.config.getoption("scaling_strict"):
            raise AssertionError(undecided_text(share))
        pytest.skip(undecided_text(share))
    if share.verdict is None:
        pytest.skip("nothing of it is judged")


def _judged(entries: Iterable[Entry]) -> list[Entry]:
    return [one for one in entries if one.verdict is not None]


def _property(one: Entry) -> Property:
    """An exponent of an item for JUnit's XML, whose values are text."""
    interval = one.interval
    numbers = {
        "verdict": one.verdict,
        "estimate": round(interval.estimate, 4),
        "interval": [round(interval.low, 4), round(interval.high, 4)],
        "confidence": round(interval.confidence, 6),
        "expected": one.expected,
        "margin": one.margin,
    }
    return f"{one.axis}, {named(one)}, {when(one.quantity, one.step)}", json.dumps(numbers)
