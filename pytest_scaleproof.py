"""The pytest plugin: options, marks, fixtures, and what collects tests.

Imports pytest and the standard library. A suite that asks for nothing of it does not load the
packages of scaleproof, nor torch or pandas: everything else is in ``verify.testing``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from verify.guarding.result import Guard

MARKS = (
    "scaling_checks(factory, **options): one item for each module (use scaleproof.scaling_checks)",
    "scaling_axis(name): judge along width, or along depth",
    "scaling_profile(name): quick, standard or full: how much a guard measures",
    "scaling: what scaleproof collects; select it with -m scaling",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of which start with --scal."""
    group = parser.getgroup("scaleproof", "scaling theories of neural networks")
    group.addoption(
        "--scaling-lock",
        metavar="FOLDER",
        help="compare every guard with its lock file in this folder",
    )
    group.addoption(
        "--scaling-update",
        action="store_true",
        help="write the lock files of --scaling-lock",
    )
    group.addoption(
        "--scaling-strict",
        action="store_true",
        help="what stays undecided fails, and is not skipped",
    )
    group.addoption(
        "--scaleproof",
        action="append",
        metavar="PATTERN",
        help="collect predictions of the catalogue, such as A1 or 'A1*'; may be repeated",
    )
    group.addoption(
        "--scaleproof-profile",
        choices=("quick", "standard", "full"),
        default="quick",
        help="how much --scaleproof measures (default: quick)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and what collects predictions if there are to be some."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    if config.getoption("scaling_update") and config.getoption("scaling_lock") is None:
        raise pytest.UsageError("--scaling-update writes lock files; name --scaling-lock FOLDER")
    if config.getoption("scaleproof"):
        import scaleproof  # noqa: F401 - it says which module hides one of ours
        from verify.testing.catalogue import CatalogueTests

        config.pluginmanager.register(CatalogueTests(config), "scaleproof-catalogue")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make an item for each module of what ``scaling_checks`` decorates."""
    if metafunc.definition.get_closest_marker("scaling_checks") is not None:
        import scaleproof  # noqa: F401
        from verify.testing.checks import parametrize

        parametrize(metafunc)


@pytest.fixture
def scaling_guard(request: pytest.FixtureRequest) -> Callable[..., Guard]:
    """Judge how a network scales: ``scaling_guard(factory, **options)``, options as of ``guard``.

    Fails where something does not scale, and skips where something stays undecided; returns the
    ``Guard`` otherwise.
    """
    import scaleproof  # noqa: F401
    from verify.testing.checks import guard_fixture

    return guard_fixture(request.node)


@pytest.fixture
def scaling_check(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Check one module along one axis, under ``@scaleproof.scaling_checks(factory)``."""
    param: Any = getattr(request, "param", None)
    if param is None:
        pytest.fail("scaling_check needs @scaleproof.scaling_checks(factory)", pytrace=False)
    from verify.testing.checks import check_fixture

    return check_fixture(request.node, param)
