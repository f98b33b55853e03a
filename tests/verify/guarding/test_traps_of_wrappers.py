"""Models in wrappers, compiled, distributed, checkpointed: each was met in practice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.verify.guarding.small import (
    INPUTS,
    assert_healthy,
    check,
    cross_entropy,
    factory_of,
    guarded,
    linear,
    mlp,
    readout,
)
from theory.errors import InputError, UnavailableError

LEAVES_COMPILED = pytest.mark.skipif(
    not hasattr(torch.compiler, "set_stance"),
    reason="torch 2.6 can run a compiled model as written",
)


@LEAVES_COMPILED
def test_compiled_models_run_as_they_are_written() -> None:
    def network(width: int) -> nn.Module:
        compiled: Any = torch.compile(mlp(width), backend="eager")
        return compiled  # type: ignore[no-any-return]

    check(network, "_orig_mod.2.weight")


def test_compiled_models_need_a_torch_that_can_leave_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(width: int) -> nn.Module:
        compiled: Any = torch.compile(mlp(width), backend="eager")
        return compiled  # type: ignore[no-any-return]

    monkeypatch.delattr(torch.compiler, "set_stance", raising=False)
    with pytest.raises(UnavailableError, match=r"give the model before torch\.compile"):
        guarded(factory_of(network))
    assert_healthy(guarded(factory_of(mlp)), "2.weight")


def test_modules_that_are_compiled_in_place() -> None:
    def network(width: int) -> nn.Module:
        model = mlp(width)
        model.compile(backend="eager")
        return model

    check(network, "2.weight")


def test_a_compiled_loss() -> None:
    loss: Any = torch.compile(cross_entropy, backend="eager")
    check(mlp, "2.weight", loss=loss)


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    """A process group of this process alone."""
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("torch has no gloo")
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_distributed_data_parallel() -> None:
    check(lambda width: nn.parallel.DistributedDataParallel(mlp(width)), "module.2.weight")


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")  # what torch warns of is not our matter
@pytest.mark.parametrize("how", ["one flat parameter", "original parameters", "fully_shard"])
def test_sharded_models_are_refused(how: str) -> None:
    fsdp: Any = pytest.importorskip("torch.distributed.fsdp")
    device_mesh: Any = pytest.importorskip("torch.distributed.device_mesh")

    def network(width: int) -> nn.Module:
        if how == "fully_shard":
            if not hasattr(fsdp, "fully_shard"):
                pytest.skip("torch 2.6 has it here")
            mesh = device_mesh.init_device_mesh("cpu", (1,))
            sharded: nn.Module = fsdp.fully_shard(mlp(width), mesh=mesh)
            return sharded
        original = how == "original parameters"
        whole: nn.Module = fsdp.FullyShardedDataParallel(
            mlp(width), use_orig_params=original, device_id=torch.device("cpu")
        )
        return whole

    with pytest.raises(InputError, match=r"the model is sharded .* return it before"):
        guarded(factory_of(network))


def test_a_wrapper_of_the_model() -> None:
    class Wrapper(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.module = mlp(width)

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return self.module(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

    check(Wrapper, "module.2.weight")


# Checkpoints


class Checkpointed(nn.Module):
    def __init__(self, width: int, reentrant: bool = False) -> None:
        super().__init__()
        self.first, self.last = linear(INPUTS, width), readout(width)
        self.body = nn.Sequential(linear(width, width), nn.Tanh())
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Any:
        x = torch.tanh(self.first(x))
        return self.last(checkpoint(self.body, x, use_reentrant=self.reentrant))


def test_checkpoints() -> None:
    check(Checkpointed, "body.0.weight")


def test_checkpoints_that_are_reentrant() -> None:
    check(lambda width: Checkpointed(width, reentrant=True), "body.0.weight")
    assert torch.utils.checkpoint.CheckpointFunction.__module__ == "torch.utils.checkpoint"


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_reentrant_checkpoints_that_lose_gradients_are_noted() -> None:
    """Of the first layers, whose input is the batch: so do they in training."""

    class AtOnce(Checkpointed):
        def forward(self, x: Tensor) -> Any:
            first = checkpoint(self.first, x, use_reentrant=True)
            return self.last(self.body(torch.tanh(first)))

    found = guarded(factory_of(AtOnce), seeds=2)
    assert found.document.notes == [
        "no gradient reaches these parameters in the first 2 steps, so nothing is said of their "
        "rates: first.weight"
    ]


class RunAgain(torch.autograd.Function):
    """A checkpoint of somebody's own: no graph, and the same once more backwards."""

    @staticmethod
    def forward(context: Any, run: Any, x: Tensor) -> Any:
        context.run = run
        context.save_for_backward(x)
        return run(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        x = context.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            context.run(x).backward(*gradients)
        return None, x.grad


run_again: Any = RunAgain.apply


@pytest.mark.parametrize("everything", [False, True])
def test_wrappers_that_hide_gradients_are_said(everything: bool) -> None:
    class Hidden(Checkpointed):
        def forward(self, x: Tensor) -> Any:
            if everything:
                layers = self.first, nn.Tanh(), self.body, self.last, nn.LogSoftmax(1)
                return run_again(nn.Sequential(*layers), x.requires_grad_())
            return self.last(run_again(self.body, torch.tanh(self.first(x))))

    if everything:
        with pytest.raises(InputError, match="operations cannot be followed from its parameters"):
            guarded(factory_of(Hidden))
        return
    assert guarded(factory_of(Hidden), seeds=2).document.notes == [
        "no output that is made of these parameters has a gradient in the first 2 steps, so "
        "nothing is said of their rates: body.*.weight"
    ]
