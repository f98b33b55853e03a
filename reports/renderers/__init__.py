"""Renderers by name, each a module of this folder with ``render(report) -> str``.

A new file here is a new renderer. Its module is imported when it is first used, so that nothing is
drawn by whoever prints. Imports what a renderer imports, and ``reports``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.document import Report

Renderer = Callable[["Report"], str]


class _Renderers(Mapping[str, Renderer]):
    """The modules of this folder; each gives text that ends with a newline."""

    def __init__(self) -> None:
        self._names = tuple(module.name for module in iter_modules(__path__))

    def __getitem__(self, name: str) -> Renderer:
        if name not in self._names:
            raise KeyError(name)
        render: Renderer = import_module(f"{__name__}.{name}").render
        return render

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


RENDERERS: Mapping[str, Renderer] = _Renderers()
