"""When a kept guard still holds: what changes the digest of a factory, and what has none."""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from verify.testing.source import factory_digest

FILES = {
    "code_a/__init__.py": "",
    "code_a/factories.py": (
        "import math\nimport numpy\nfrom . import layers\nRATE = 0.1\n"
        "def factory(width, seed=0):\n    from code_a.inner.late import loss\n"
        "    return layers.f(RATE), loss\n"
        "def made(alpha):\n    def inner(width):\n        return alpha\n    return inner\n"
    ),
    "code_a/layers.py": "SIZES = (1, 2)\nf = abs\n",
    "code_a/inner/__init__.py": "",
    "code_a/inner/late.py": "loss = 1\n",
    "code_a/unrelated.py": "x = 1\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("code_a")]:
        del sys.modules[name]


def load() -> Any:
    return importlib.import_module("code_a.factories")


def test_the_same_code_has_the_same_digest(project: Path) -> None:
    first = factory_digest(load().factory)
    assert first is not None
    assert factory_digest(load().factory) == first


@pytest.mark.parametrize(
    "name", ["factories", "layers", "inner/late", "inner/__init__", "__init__"]
)
def test_every_file_that_imports_reach_counts(name: str, project: Path) -> None:
    """Also one that is imported inside a function, and packages that are run on the way."""
    factory = load().factory
    before = factory_digest(factory)
    with (project / "code_a" / f"{name}.py").open("a", encoding="utf-8") as file:
        file.write("y = 2\n")
    assert factory_digest(factory) != before


def test_a_file_that_nothing_imports_does_not_count(project: Path) -> None:
    before = factory_digest(load().factory)
    (project / "code_a" / "unrelated.py").write_text("x = 2\n", encoding="utf-8")
    assert factory_digest(load().factory) == before


def test_values_count_where_they_are_closed_over_bound_or_global(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load()
    made: list[Callable[..., Any]] = [
        module.factory,
        module.made,
        module.made(0.5),
        module.made(1),
        functools.partial(module.factory, seed=1),
        functools.partial(module.factory, seed=2),
    ]
    digests = [factory_digest(one) for one in made]
    assert None not in digests
    assert len(set(digests)) == len(made)
    monkeypatch.setattr(module, "RATE", 0.2)
    assert factory_digest(module.factory) != digests[0]


@pytest.mark.parametrize(
    ("name", "value"), [("factories.RATE", 0.2), ("layers.SIZES", (1, 3)), ("inner.late.loss", 2)]
)
def test_constants_of_every_module_that_is_reached_count(
    name: str, value: object, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads them: a comprehension, a helper, or a function of another file."""
    module = load()
    importlib.import_module("code_a.inner.late")
    before = factory_digest(module.factory)
    assert before is not None
    monkeypatch.setattr(f"code_a.{name}", value)
    assert factory_digest(module.factory) != before


def test_what_may_hide_anything_has_no_digest(project: Path) -> None:
    module = load()
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec("def factory(width): ...", space)
    made: list[Any] = [module.made(object()), functools.partial(abs), space["factory"], object()]
    assert [factory_digest(one) for one in made] == [None] * len(made)
