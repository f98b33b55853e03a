"""A test of muP as code bases write it by hand: thresholds on sizes, set until it passes."""

import torch
from gpt import factory as correct

WIDTHS, SEEDS, STEPS = (16, 32, 64, 128, 256), range(10), 50
GROWTH, DECAY = 2.0, 0.3  # of a size, relative to the smallest width


def sizes(factory, width, seed):
    """Mean absolute output of every layer after training."""
    torch.manual_seed(seed)
    model, optimizer, batch, loss = factory(width=width, seed=seed)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(model, batch).backward()
        optimizer.step()
    found = {}
    layers = [(name, one) for name, one in model.named_modules() if not list(one.children())]
    for name, one in layers:
        one.register_forward_hook(
            lambda _module, _inputs, output, name=name: found.update({name: output.abs().mean()})
        )
    with torch.no_grad():
        loss(model, batch)
    return found


def out_of_bounds(factory):
    """Layers whose size, as a mean over seeds, grows or decays too much; logits may decay."""
    table = {width: [sizes(factory, width, seed) for seed in SEEDS] for width in WIDTHS}
    wrong = set()
    for name in table[WIDTHS[0]][0]:
        means = [float(sum(one[name] for one in table[width])) for width in WIDTHS]
        ratios = [mean / means[0] for mean in means]
        if max(ratios) > GROWTH or (min(ratios) < DECAY and "readout" not in name):
            wrong.add(name)
    return wrong


def test_sizes_do_not_depend_on_width():
    """No layer is out of bounds."""
    assert not out_of_bounds(correct)
