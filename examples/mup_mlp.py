"""The perceptron of the mup package with its MuAdam (needs ``pip install --no-deps mup``)."""

import torch
from mup import MuAdam, MuReadout, set_base_shapes
from torch import nn

import scaleproof

BASE = 32


def network(width):
    """Two hidden layers; MuReadout divides by the width."""
    layers = nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
    return nn.Sequential(*layers, MuReadout(width, 4))


def factory(width, seed):
    """Base shapes say which dimensions grow; mup scales what torch initialized."""
    model = network(width)
    set_base_shapes(model, network(BASE), delta=network(2 * BASE))
    random = torch.Generator().manual_seed(seed)
    batch = torch.randn(64, 16, generator=random), torch.randint(4, (64,), generator=random)
    return model, MuAdam(model.parameters(), lr=2**-7, eps=1e-12), batch, loss


def loss(model, batch):
    """Cross entropy."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


if __name__ == "__main__":
    print(scaleproof.guard(factory, widths=(32, 64, 128, 256)).report())
