"""GPT2LMHeadModel of the transformers package as it comes: its default rates are not muP."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import scaleproof


def factory(width, seed, depth=2):
    """Random weights from a configuration; nothing is downloaded."""
    config = GPT2Config(
        vocab_size=64, n_positions=16, n_embd=width, n_layer=depth, n_head=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    random = torch.Generator().manual_seed(seed)
    batch = torch.randint(64, (8, 16), generator=random)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3), batch, loss


def loss(model, batch):
    """The model's own: cross entropy of the next tokens."""
    return model(batch, labels=batch).loss


if __name__ == "__main__":
    print(scaleproof.guard(factory, widths=(64, 128, 256)).report())
