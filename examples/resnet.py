"""A convolutional residual network with batch norm, as timm has them, in muP under Adam."""

import torch
from torch import nn

import scaleproof


class BasicBlock(nn.Module):
    """Convolution, norm, ReLU, convolution and norm beside the skip path, and ReLU."""

    def __init__(self, width, depth):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.multiplier = depth**-0.5

    def forward(self, x):
        """Add the branch, then ReLU."""
        y = self.bn1(self.conv1(x)).relu()
        return (x + self.multiplier * self.bn2(self.conv2(y))).relu()


def factory(width, seed, depth=2):
    """Initial values of torch, as norms follow; rates 1/width where channels are summed."""
    stem = nn.Conv2d(3, width, 3, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    blocks = (BasicBlock(width, depth) for _ in range(depth))
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)
    model = nn.Sequential(*stem, *blocks, *head)
    nn.init.normal_(model[-1].weight, std=1 / width)
    nn.init.zeros_(model[-1].bias)
    groups = [
        {"params": [p], "lr": 2**-7 * (16 / width if p.ndim > 1 and p.shape[1] == width else 1)}
        for p in model.parameters()
    ]
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(32, 3, 9, 9, generator=random)
    batch = images, torch.randint(10, (32,), generator=random)
    return model, torch.optim.Adam(groups, eps=1e-12), batch, loss


def loss(model, batch):
    """Cross entropy."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


if __name__ == "__main__":
    print(scaleproof.guard(factory, widths=(16, 32, 64)).report())
