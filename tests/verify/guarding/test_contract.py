"""The contract of factories and targets: what is accepted, and one line for what is not."""

import functools
import itertools
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from tests.verify.guarding.small import (
    INPUTS,
    adam,
    assert_healthy,
    batch_of,
    cross_entropy,
    factory_of,
    guarded,
    linear,
    mlp,
    readout,
)
from theory.errors import InputError, UnavailableError
from theory.scaling import Axis
from verify.guarding.subject import Subject, load_factory

DEPTHS = (2, 4, 8)


def parts(width: int, depth: int, seed: int) -> Any:
    model = mlp(width, depth)
    return model, adam(model, width), batch_of(seed), cross_entropy


# Signatures


class Instance:
    def __call__(self, width: int, seed: int) -> Any:
        return parts(width, 1, seed)


def with_default_depth(width: int, depth: int = 1, seed: int = 0) -> Any:
    assert depth == 1
    return parts(width, depth, seed)


def by_keyword(*, width: int, seed: int) -> Any:
    return parts(width, 1, seed)


def with_anything(**sizes: int) -> Any:
    return parts(sizes["width"], sizes["depth"], sizes["seed"])


def with_another_default(width: int, seed: int, dropout: float = 0.0) -> Any:
    return parts(width, 1, seed)


@pytest.mark.parametrize(
    "factory",
    [
        *(Instance(), with_default_depth, by_keyword, with_anything, with_another_default),
        functools.partial(parts, depth=1),
        lambda width, seed: parts(width, 1, seed),
    ],
)
def test_signatures(factory: Callable[..., Any]) -> None:
    assert_healthy(guarded(factory), "2.weight")


def test_axes_follow_the_signature() -> None:
    def deep(depth: int, seed: int) -> Any:
        return parts(16, depth, seed)

    assert Subject.of(deep).axes == [Axis.DEPTH]
    assert Subject.of(parts).axes == [Axis.WIDTH, Axis.DEPTH]
    with pytest.raises(InputError, match="the factory takes no width"):
        guarded(deep)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (lambda width, seed, data: None, "asks for data"),
        (lambda seed: None, "takes neither width nor depth"),
        (lambda width, /, seed: None, "asks for|positional"),
        (dict, "no signature|neither width nor depth|returned|asks for"),
    ],
)
def test_signatures_that_are_refused(factory: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        guarded(factory)


# What is returned

Named = namedtuple("Named", "loss batch optimizer model")


@pytest.mark.parametrize("kind", ["dict", "object", "named tuple"])
def test_parts_by_name(kind: str) -> None:
    def factory(width: int, seed: int) -> Any:
        names = ("model", "optimizer", "batch", "loss")
        made = dict(zip(names, parts(width, 1, seed), strict=True))
        return {"dict": dict, "object": SimpleNamespace, "named tuple": Named}[kind](**made)

    assert_healthy(guarded(factory), "2.weight")


MODEL = nn.Linear(2, 2)
SGD = torch.optim.SGD(MODEL.parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "returned a NoneType without model"),
        ((MODEL, SGD, None), "returned 3 things; expected"),
        ({"model": MODEL, "batch": None}, "returned a dict without optimizer, loss"),
        (("model", SGD, None, cross_entropy), "the model is a str"),
        ((MODEL, None, None, cross_entropy), "the optimizer is a NoneType"),
        ((MODEL, [], None, cross_entropy), "no optimizer|the optimizer"),
        ((MODEL, SGD, None, 1.0), "the loss is a float"),
        ((MODEL, SGD, None, cross_entropy, 1.0), "the step is a float"),
    ],
)
def test_wrong_things(made: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        guarded(lambda width, seed: made)


def test_a_factory_that_raises() -> None:
    def factory(width: int, seed: int) -> Any:
        if width > 32:
            raise ZeroDivisionError("no\nsuch  width")
        return parts(width, 1, seed)

    with pytest.raises(InputError) as caught:
        guarded(factory)
    assert "factory(width=64, seed=0) raised ZeroDivisionError: no such width" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_that_raises() -> None:
    def loss(model: nn.Module, batch: Any) -> Any:
        raise KeyError("labels")

    with pytest.raises(InputError, match=r"width 32: .*KeyError: 'labels'"):
        guarded(factory_of(mlp, loss=loss))


def test_batches_that_do_not_fit() -> None:
    def data(seed: int) -> Any:
        return batch_of(seed, 8, INPUTS + 1)

    with pytest.raises(InputError, match=r"width 32: .*shapes cannot be multiplied"):
        guarded(factory_of(mlp, data=data))


# Networks at all sizes


def test_a_factory_that_ignores_its_seed() -> None:
    def factory(width: int, seed: int) -> Any:
        torch.manual_seed(0)
        return parts(width, 1, 0)

    with pytest.raises(InputError, match="ignores its seed"):
        guarded(factory)


def test_a_factory_with_its_own_generator_is_no_problem() -> None:
    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=parameter.std().item(), generator=generator)
        return model, adam(model, width), batch_of(seed), cross_entropy

    assert_healthy(guarded(factory), "2.weight")


@pytest.mark.parametrize("axis", ["widths", "depths"])
def test_shapes_that_do_not_grow(axis: str) -> None:
    def factory(width: int, depth: int, seed: int) -> Any:
        return parts(16 if axis == "widths" else width, 1, seed)

    with pytest.raises(InputError, match=f"the factory has to use its {axis[:-1]}"):
        guarded(factory, **({"widths": None, "depths": DEPTHS} if axis == "depths" else {}))


def test_another_architecture_at_another_width() -> None:
    def factory(width: int, seed: int) -> Any:
        return parts(width, 2 if width > 32 else 1, seed)

    with pytest.raises(InputError, match=r"two architectures: parameter '.*' is only in one"):
        guarded(factory)


def test_another_number_of_dimensions_at_another_width() -> None:
    class Bent(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body = mlp(width)
            self.scale = nn.Parameter(torch.ones((1,) * (1 + (width > 32))))

        def forward(self, x: Any) -> Any:
            return self.body(x) * self.scale

    with pytest.raises(InputError, match="'scale' has 2 dimensions at width"):
        guarded(factory_of(Bent))


def test_blocks_that_are_not_alike() -> None:
    def factory(width: int, depth: int, seed: int) -> Any:
        sizes = [INPUTS, *(width + 4 * place for place in range(depth))]
        layers = [linear(a, b) for a, b in itertools.pairwise(sizes)]
        model = nn.Sequential(*layers, readout(sizes[-1]))
        return model, torch.optim.SGD(model.parameters(), lr=0.1), batch_of(seed), cross_entropy

    with pytest.raises(InputError, match="one kind of block, repeated"):
        guarded(factory, widths=None, depths=DEPTHS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"widths": (32, 64)}, "at least 3 different sizes"),
        ({"widths": (0, 32, 64)}, "whole numbers of at least 1"),
        ({"widths": (32.0, 64, 128)}, "whole numbers"),
        ({"depths": (1, 2, 3)}, "takes no depth"),
        ({"seeds": 1}, "at least 2"),
        ({"steps": ()}, "steps"),
        ({"steps": (0, 1)}, "steps"),
        ({"expect": "ntk"}, "unknown expectation 'ntk'"),
    ],
)
def test_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        guarded(by_keyword, **options)


# Targets

SOURCE = """
import helper_of_the_target

class Space:
    @staticmethod
    def factory(width, seed):
        return helper_of_the_target.NUMBER

def factory(width, seed):
    return helper_of_the_target.NUMBER

number = 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "target_of_a_test.py").write_text(SOURCE)
    (tmp_path / "helper_of_the_target.py").write_text("NUMBER = 7\n")
    (tmp_path / "broken_target.py").write_text("import torch\n1 / 0\n")
    (tmp_path / "unparsable_target.py").write_text("def factory(:\n")
    (tmp_path / "leaving_target.py").write_text("raise SystemExit(3)\n")
    package = tmp_path / "package_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text("def factory(width, seed):\n    return 8\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    monkeypatch.setattr("sys.modules", sys.modules.copy())
    return tmp_path


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("target_of_a_test.py:factory", 7),
        ("{folder}/target_of_a_test.py:factory", 7),
        ("target_of_a_test.py:Space.factory", 7),
        ("package_of_a_test.module:factory", 8),
        ("package_of_a_test/module.py:factory", 8),
        ("target_of_a_test:factory", 7),
    ],
)
def test_targets(folder: Path, target: str, value: int) -> None:
    assert load_factory(target.format(folder=folder))(width=1, seed=0) == value


@pytest.mark.parametrize(
    ("target", "kind", "said"),
    [
        ("target_of_a_test.py", InputError, "expected FILE.py:factory or package.module:factory"),
        (":factory", InputError, "expected FILE.py:factory"),
        ("target_of_a_test.py:", InputError, "expected FILE.py:factory"),
        ("target_of_a_test.py:nothing", InputError, "target_of_a_test.py has no 'nothing'"),
        ("target_of_a_test.py:Space.nothing", InputError, "has no 'nothing'"),
        ("target_of_a_test.py:number", InputError, "number is not callable"),
        ("missing.py:factory", UnavailableError, "'missing.py' does not exist"),
        ("missing.module:factory", UnavailableError, "ModuleNotFoundError: No module named"),
        ("broken_target.py:factory", UnavailableError, "ZeroDivisionError: division by zero"),
        ("broken_target:factory", UnavailableError, "ZeroDivisionError: division by zero"),
        ("unparsable_target.py:factory", UnavailableError, "SyntaxError"),
        ("leaving_target.py:factory", UnavailableError, "SystemExit: 3"),
    ],
)
def test_targets_that_are_refused(
    folder: Path, target: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        load_factory(target)
    assert "\n" not in str(caught.value)
