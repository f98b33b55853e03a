"""The option ``--data`` of the commands that train networks. Imports click and ``theory``."""

from __future__ import annotations

import click

from theory.errors import InputError
from theory.images import DIGITS, SOURCES
from theory.prediction import Prediction, on_images

data_option = click.option(
    "--data",
    metavar="SOURCE",
    default=DIGITS,
    show_default=True,
    help=f"Images of training experiments: {', '.join(SOURCES)}. What is on record is so on "
    f"{DIGITS} only.",
)


def on_data(predictions: tuple[Prediction, ...], data: str) -> tuple[Prediction, ...]:
    """The predictions, those about training on other images where ``data`` names some.

    Raises ``InputError`` for images of no known source, and where they would not be used.
    """
    moved = tuple(on_images(prediction, data) for prediction in predictions)
    if data != DIGITS and moved == predictions:
        raise InputError(
            f"--data {data}: none of the chosen predictions trains on images; leave it out, or "
            "choose others, such as A5"
        )
    return moved
