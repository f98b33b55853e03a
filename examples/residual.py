"""A residual network with depth multiplier L^-1/2, and rate groups made by hand, under Adam."""

import torch
from torch import nn

import scaleproof


class Block(nn.Module):
    """x + L^-1/2 W2 relu(W1 x)"""

    def __init__(self, width, depth):
        super().__init__()
        self.first, self.second = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.multiplier = depth**-0.5

    def forward(self, x):
        """Add the branch."""
        return x + self.multiplier * self.second(self.first(x).relu())


def factory(width, depth, seed):
    """Rates: 1/width where width is summed, and depth^-1/2 in the blocks."""
    blocks = (Block(width, depth) for _ in range(depth))
    model = nn.Sequential(nn.Linear(16, width, False), *blocks, nn.Linear(width, 4, False))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
    nn.init.normal_(model[-1].weight, std=1 / width)
    inside = [p for block in model[1:-1] for p in block.parameters()]
    groups = [
        {"params": [model[0].weight], "lr": 0.01},
        {"params": inside, "lr": 0.01 * (64 / width) * depth**-0.5},
        {"params": [model[-1].weight], "lr": 0.01 * (64 / width)},
    ]
    random = torch.Generator().manual_seed(seed)
    batch = torch.randn(64, 16, generator=random), torch.randint(4, (64,), generator=random)
    return model, torch.optim.Adam(groups, eps=1e-12), batch, loss


def loss(model, batch):
    """Cross entropy."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


if __name__ == "__main__":
    print(scaleproof.guard(factory, depths=(8, 16, 32)).report())
