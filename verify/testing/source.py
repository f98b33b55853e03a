"""When a kept result still holds: a digest of what a factory does. Imports the standard library.

A factory's code is its own file and every file that import statements reach from there, but for
the standard library and installed packages, which stand for themselves by their versions. Its
values are those that it closes over, its defaults, and plain constants of these modules. Where
anything else might matter, there is no digest, and nothing is kept: a result that is measured again
is never wrong.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from types import FunctionType
from typing import Any

_PACKAGES = ("theory", "probes", "verify", "reports")  # ours, digested as a whole
_PLAIN = (type(None), bool, int, float, complex, str, bytes, Fraction, Enum, Path)
_INSTALLED = ("site-packages", "dist-packages")


class _UnknownError(Exception):
    """Something whose value or code has no digest."""


def factory_digest(factory: Callable[..., Any]) -> str | None:
    """A digest of a factory's code and values, or ``None`` where these cannot be told."""
    places: dict[str, Path] = {}
    try:
        said = _said(factory, places)
        for module, path in _reached(places):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            said += f"\n{path.name} {digest} {_constants_of(module, places)}"
    except (_UnknownError, OSError, SyntaxError, ValueError):
        return None
    return hashlib.sha256(said.encode()).hexdigest()


@functools.cache
def surroundings_digest() -> str:
    """A digest of this package's code, and of the version of everything that is installed."""
    digest = hashlib.sha256(sys.version.encode())
    for package in _PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{path.relative_to(root)}".encode() + path.read_bytes())
    folders = (Path(entry) for entry in sys.path if entry)
    names = {info.name for folder in folders for info in folder.glob("*.dist-info")}
    digest.update(" ".join(sorted(names)).encode())
    return digest.hexdigest()


def _said(value: Any, places: dict[str, Path]) -> str:
    """A value in words that say all of it; the files of functions in it join ``places``."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(_said(one, places) for one in value)})"
    if isinstance(value, Mapping) and type(value) is dict:
        items = (f"{_said(k, places)}: {_said(v, places)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, functools.partial):
        parts = (value.func, value.args, value.keywords)
        return f"partial({', '.join(_said(part, places) for part in parts)})"
    if isinstance(value, FunctionType):
        return _said_of_function(value, places)
    if isinstance(value, type):
        return f"class {_place_of(value.__module__, places)}.{value.__qualname__}"
    raise _UnknownError


def _said_of_function(function: FunctionType, places: dict[str, Path]) -> str:
    name = f"{_place_of(function.__module__, places)}.{function.__qualname__}"
    # A cell that is empty or holds the function itself belongs to its code.
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    values = (cells, function.__defaults__, function.__kwdefaults__)
    if any(one is function for one in cells):
        raise _UnknownError
    line = function.__code__.co_firstlineno  # two lambdas have one name
    return f"{name}:{line}({', '.join(_said(value, places) for value in values)})"


def _constants_of(module: str, places: dict[str, Path]) -> str:
    """Plain values of a module: a test may have put another one in the place of a constant."""
    held = vars(sys.modules[module]) if module in sys.modules else {}
    plain = {n: one for n, one in sorted(held.items()) if n[:2] != "__" and _is_plain(one)}
    return _said(plain, places)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _place_of(module: str, places: dict[str, Path]) -> str:
    """The name of a module, whose file has to be known."""
    path = _file_of(module)
    if path is None:
        raise _UnknownError
    if not _is_installed(module, path):
        places[module] = path
    return module


def _reached(places: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """Modules with their files, and all that they import, of their own project or of another."""
    known = dict(places)
    left = list(places)
    while left:
        module = left.pop()
        for name in _imported_by(module, known[module]):
            top = name.partition(".")[0]
            first = _file_of(top)
            if name in known or (first is not None and _is_installed(top, first)):
                continue
            path = _file_of(name)
            if path is not None and not _is_installed(name, path):
                known[name] = path
                left.append(name)
    return sorted(known.items())


def _imported_by(module: str, path: Path) -> Iterator[str]:
    """Names of modules in all import statements of a file; of what may be a module or a name, too.

    Importing a module runs the packages that it is in.
    """
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_packages(alias.name)
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(module, path, node)
            yield from _with_packages(start)
            yield from (f"{start}.{alias.name}" for alias in node.names)


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _absolute(module: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def _file_of(module: str) -> Path | None:
    """The file of a module; ``None`` where it has none, or is not there."""
    found = sys.modules.get(module)
    if found is not None:
        place = getattr(found, "__file__", None)
        return Path(place) if place else None
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None  # a name in a module, or a module that is not installed
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _is_installed(module: str, path: Path) -> bool:
    """Whether versions stand for it: the standard library, installed packages and this one."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or any(part in path.parts for part in _INSTALLED):
        return True
    return top in (*_PACKAGES, "scaleproof")
