"""The Python reference as pages, one a package, for autodoc. Imports all packages."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

_PACKAGES = {
    "theory": "what should happen",
    "probes": "what does happen",
    "verify": "do they agree?",
    "reports": "what people read",
}
# Rooms that examples of the documentation import from.
_ROOMS = (
    "theory.catalogue.bibliography",
    "theory.exact.convolutional_chains",
    "theory.exact.feature_dynamics",
    "theory.exact.first_step",
    "theory.exact.first_step_limits",
    "theory.exact.gaussian",
    "theory.exact.propagation",
    "verify.strategies",
)


def pages(_docs: Path) -> dict[str, str]:
    """Return a page for each package, one for rooms of them, and one that lists these."""
    texts = {f"python/{name}.rst": _package(name) for name in _PACKAGES}
    texts["python/rooms.rst"] = _rooms()
    lines = [*_title("Python"), "``import scaleproof`` has every name of the four packages.", ""]
    lines += [
        ".. toctree::",
        "   :maxdepth: 1",
        "",
        *(f"   {name}" for name in _PACKAGES),
        "   rooms",
    ]
    texts["python/index.rst"] = "\n".join([*lines, ""])
    return texts


def _package(name: str) -> str:
    """The public names whose home is this package: functions, then classes, then other values."""
    package = import_module(name)
    homes = {each: getattr(package, each) for each in package.__all__}
    own = {each: value for each, value in homes.items() if _is_at_home(value, name)}
    functions = [each for each, value in own.items() if inspect.isfunction(value)]
    classes = [each for each, value in own.items() if inspect.isclass(value)]
    values = sorted(own.keys() - {*functions, *classes})
    lines = [
        *_title(f"{name}: {_PACKAGES[name]}"),
        *(package.__doc__ or "").strip().splitlines(),
        "",
    ]
    for title, kind, names in (
        ("Functions", "autofunction", functions),
        ("Classes", "autoclass", classes),
        ("Values", "autodata", values),
    ):
        if names:
            lines += [title, "-" * len(title), "", *_directives(kind, name, names)]
    return "\n".join(lines)


def _is_at_home(value: object, package: str) -> bool:
    """Whether a package defines what it exports: what it only passes on is shown there."""
    home = getattr(value, "__module__", package)
    return home.partition(".")[0] == package or not inspect.isclass(value)


def _directives(kind: str, package: str, names: Iterable[str]) -> list[str]:
    return [line for name in names for line in (f".. {kind}:: {package}.{name}", "")]


def _rooms() -> str:
    lines = _title("Rooms of the packages")
    for room in _ROOMS:
        lines += [room, "-" * len(room), "", f".. automodule:: {room}", "   :members:", ""]
    return "\n".join(lines)


def _title(text: str) -> list[str]:
    return [text, "=" * len(text), ""]
