"""A small GPT in muP with AdamW: attention over 1/d, decay that does not follow the rate."""

import torch
from torch import nn
from torch.nn import functional

import scaleproof

HEADS, VOCABULARY, LENGTH, RATE = 4, 32, 16, 2**-6


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        """Scores are divided by the size of a head, not by its root."""
        y = self.norm1(x)
        q, k, v = (
            w(y).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for w in (self.query, self.key, self.value)
        )
        scale = 4 / q.shape[-1]
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        x = x + self.out(y.transpose(1, 2).flatten(-2))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """Tokens and positions, blocks, norm, readout."""

    def __init__(self, width, depth):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias) if module.bias is not None else None
        nn.init.normal_(self.readout.weight, std=1 / width)

    def forward(self, tokens):
        """Logits of the next tokens."""
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.readout(self.norm(self.blocks(x)))


def factory(width, seed, depth=2):
    """Rates: 1/width of matrices that sum over width; rate times decay is the same everywhere."""
    model = GPT(width, depth)
    linear = {m.weight for m in model.modules() if isinstance(m, nn.Linear)}
    groups = [
        {"params": [p], "lr": lr, "weight_decay": 0.1 * RATE / lr}
        for p in model.parameters()
        for lr in [RATE * 64 / p.shape[1] if p in linear else RATE]
    ]
    random = torch.Generator().manual_seed(seed)
    tokens = torch.randint(VOCABULARY, (8, LENGTH + 1), generator=random)
    optimizer = torch.optim.AdamW(groups, eps=1e-12)
    return model, optimizer, (tokens[:, :-1], tokens[:, 1:].contiguous()), loss


def loss(model, batch):
    """Cross entropy of the next tokens."""
    return functional.cross_entropy(model(batch[0]).flatten(0, -2), batch[1].flatten())


if __name__ == "__main__":
    print(scaleproof.guard(factory, widths=(64, 128, 256)).report())
