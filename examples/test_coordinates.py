"""In place of a hand-written coordinate test: a test a layer, with an error rate and a cause."""

from gpt import factory

from scaleproof import scaling_checks


@scaling_checks(factory, widths=(64, 128, 256), steps=(1, 4))
def test_scaling(scaling_check):
    """Every initial value, multiplier and rate of a layer has the exponent of muP."""
    scaling_check()
