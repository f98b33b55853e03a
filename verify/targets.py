"""What a user names is imported, and nothing else. Imports importlib and ``theory.errors``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from theory.errors import InputError, UnavailableError

FROM = "--from"  # the option behind which the file of a user's own predictions stands


def load_target(target: str, name_of_it: str) -> Any:
    """What ``FILE.py:NAME`` or ``package.module:NAME`` names; ``name_of_it`` says what NAME is."""
    place, colon, name = target.rpartition(":")
    if not colon or not name or not place:
        raise InputError(
            f"target {target!r}: expected FILE.py:{name_of_it} or package.module:{name_of_it}"
        )
    found = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"target {target!r}: {place} has no {part!r}")
        found = getattr(found, part)
    return found


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise UnavailableError(f"target file {str(path)!r} does not exist; give another one")
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[path.stem] = module
    _imported(str(path), lambda: loader.exec_module(module))
    return module


def _load_module(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    return _imported(name, lambda: importlib.import_module(name))


def _imported(name: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except (Exception, SystemExit) as error:
        raise UnavailableError(
            f"importing {name} failed: {one_line(error)}; mend it, then run again"
        ) from None


def one_line(error: BaseException) -> str:
    """The kind of an error and its text, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
