"""A LightningModule as it is: the guard calls what a trainer would call."""

import torch
from torch import nn

import scaleproof

try:
    from lightning import LightningModule
except ImportError:  # the same recipe without the package
    LightningModule = nn.Module


class Classifier(LightningModule):
    """A perceptron in muP that brings its loss and its optimizer along."""

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.hidden, self.readout = nn.Linear(16, width), nn.Linear(width, 4)
        nn.init.normal_(self.readout.weight, std=1 / width)
        nn.init.zeros_(self.readout.bias)

    def training_step(self, batch, batch_idx):
        """The loss of a batch."""
        return nn.functional.cross_entropy(self.readout(self.hidden(batch[0]).relu()), batch[1])

    def configure_optimizers(self):
        """Adam, with rate 1/width in the readout's matrix."""
        last = {"params": [self.readout.weight], "lr": 0.32 / self.width}
        rest = {"params": [*self.hidden.parameters(), self.readout.bias]}
        return torch.optim.Adam([rest, last], lr=0.01, eps=1e-12)


def factory(width, seed):
    """The module is the model, and its methods are the optimizer and the loss."""
    module = Classifier(width)
    random = torch.Generator().manual_seed(seed)
    batch = torch.randn(64, 16, generator=random), torch.randint(4, (64,), generator=random)
    return module, module.configure_optimizers(), batch, lambda m, b: m.training_step(b, 0)


if __name__ == "__main__":
    print(scaleproof.guard(factory, widths=(32, 64, 128, 256)).report())
