"""What measurements depend on: code, versions, images, setting, cell, seed, device and engine.

A measurement is found again only if all of these are the same. Code is that of ``probes`` and
``theory``, without comments and docstrings, and without what is said of measurements afterwards.
Imports ``probes.data`` and ``theory``.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from probes.data.images import load
from theory.experiments import Setting, images_besides_digits
from theory.scaling import Cell

# Predictions enter by their settings; what they say, and how it is judged, changes no measurement.
SAID_AFTERWARDS = (
    "catalogue",
    "expectations.py",
    "prediction.py",
    "quantities.py",
    "relations.py",
    "verdict.py",
)
MEASURING_PACKAGES = ("torch", "numpy", "scikit-learn")


def _code(folder: Traversable) -> Iterable[str]:
    """What every module does: its statements, without comments, layout and docstrings."""
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name in SAID_AFTERWARDS:
            continue
        if entry.is_dir():
            yield from _code(entry)
        elif entry.name.endswith(".py"):
            yield ast.dump(_Undocumented().visit(ast.parse(entry.read_bytes())))


class _Undocumented(ast.NodeTransformer):
    """Leaves out strings that stand alone: docstrings, and others that do nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if alone else node


@cache
def fingerprint() -> str:
    """A digest of the code that measures: numbers made by other code are not reused."""
    versions = (version(package) for package in MEASURING_PACKAGES)
    digest = hashlib.sha256(" ".join(versions).encode())
    for package in ("probes", "theory"):
        for module in _code(files(package)):
            digest.update(module.encode())
    return digest.hexdigest()


def image_digests(settings: Iterable[Setting]) -> list[str]:
    """Of the images other than digits, which scikit-learn's version stands for."""
    return sorted(load(source).digest for source in images_besides_digits(settings))


def trial_key(setting: Setting, cell: Cell, seed: int, device: str, engine: str) -> str:
    """The content key of a cell's trials; the replicate is stored beside it."""
    parts = [fingerprint(), setting.key(), f"{cell}", f"{seed}", device, engine]
    return hashlib.sha256("|".join(parts + image_digests([setting])).encode()).hexdigest()
