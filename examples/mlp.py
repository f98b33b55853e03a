"""A multilayer perceptron in muP under Adam: ``scaleproof guard examples/mlp.py:factory``."""

import torch
from torch import nn

import scaleproof


def factory(width, seed):
    """Deviation fan_in^-1/2, and 1/width in the readout; rates 1/width where width is summed."""
    layers = nn.Linear(16, width), nn.Linear(width, width), nn.Linear(width, 4)
    for layer, power in zip(layers, (-0.5, -0.5, -1.0), strict=True):
        nn.init.normal_(layer.weight, std=layer.in_features**power)
        nn.init.zeros_(layer.bias)
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    groups = [
        {"params": [p], "lr": 2**-7 * (32 / width if p.ndim == 2 and p.shape[1] == width else 1)}
        for p in model.parameters()
    ]
    random = torch.Generator().manual_seed(seed)
    batch = torch.randn(64, 16, generator=random), torch.randint(4, (64,), generator=random)
    return model, torch.optim.Adam(groups, eps=1e-12), batch, loss


def loss(model, batch):
    """Cross entropy."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


if __name__ == "__main__":
    print(scaleproof.guard(factory, widths=(32, 64, 128, 256)).report())
