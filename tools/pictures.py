"""Draw the pictures of ``docs/explanation``: ``python -m tools.pictures``.

They show exact numbers of ``theory``, so that they need no measurement. The same versions of numpy
and matplotlib give the same bytes. Imports click, matplotlib, numpy, ``reports`` and ``theory``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import click
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.plots import STYLE, svg_text
from theory.architecture import Architecture, chain, residual
from theory.arrays import FloatArray
from theory.exact.first_step import maximal_update_rate, own_changes, stream_change
from theory.exact.propagation import propagate
from theory.parameterization import Parameterization
from theory.presets import am_mup, completep, depth_mup, depth_mup_corrected, mup
from theory.scaling import Cell

FOLDER = Path("docs/explanation/pictures")
_DEPTHS = (2, 4, 8, 16, 32, 64, 128)
_WIDTH = 512  # exact numbers of infinite width: any gives the same
_COLOURS = ("#b3261e", "#1b4965", "#2a7d46")
_STYLES = ("o-", "s--", "^:")  # which read without colour too

Curves = Mapping[str, FloatArray]


def forward() -> Figure:
    """The second moment of the stream behind the last block, by the branches' multiplier."""

    def moment(parameterization: Parameterization, depth: int) -> float:
        cell = Cell(_WIDTH, depth)
        return float(propagate(residual(1), parameterization, cell).stream[-1, 0, 0])

    return _figure(_by_multiplier(moment), "mean square of the stream", most=1e3)


def first_step() -> Figure:
    """The change of the stream in the first step of SGD, by the branches' multiplier."""

    def change(parameterization: Parameterization, depth: int) -> float:
        return stream_change(residual(1), parameterization, Cell(_WIDTH, depth))

    return _figure(_by_multiplier(change), "change of the stream in one step", most=1e3)


def first_layers() -> Figure:
    """The own change of first layers of two-layer blocks, by what is done against its decay."""

    def own(parameterization: Parameterization, depth: int) -> float:
        one = np.ones((1, 1)), np.ones(1)
        changes = own_changes(residual(2), parameterization, Cell(_WIDTH, depth), one[1], one[0])
        return float(np.sqrt(changes[:, 0, 0].mean()))

    names = {
        "depth-muP": depth_mup(),
        "depth-muP, first layers L^1/2 times faster": depth_mup_corrected(),
        "CompleteP": completep(),
    }
    curves = {name: _curve(partial(own, each)) for name, each in names.items()}
    return _figure(curves, "own change of first layers")


def rates() -> Figure:
    """The maximal-update rate of three architectures, under AM-muP."""

    def of(architecture: Architecture) -> FloatArray:
        return _curve(
            lambda depth: maximal_update_rate(architecture, am_mup(), Cell(_WIDTH, depth))
        )

    curves = {
        "chain of layers: L^-3/2": of(chain()),
        "blocks of one layer: L^-1": of(residual(1)),
        "blocks of two layers: L^0": of(residual(2)),
    }
    return _figure(curves, "maximal-update rate")


PICTURES = {
    "forward": forward,
    "first-step": first_step,
    "first-layers": first_layers,
    "rates": rates,
}


def _by_multiplier(quantity: Callable[[Parameterization, int], float]) -> Curves:
    return {
        name: _curve(partial(quantity, parameterization))
        for name, parameterization in (
            ("branches times 1 (muP)", mup()),
            ("branches times L^-1/2 (depth-muP)", depth_mup()),
            ("branches times 1/L (CompleteP)", completep()),
        )
    }


def _curve(value: Callable[[int], float]) -> FloatArray:
    return np.array([value(depth) for depth in _DEPTHS])


def _figure(curves: Curves, label: str, most: float | None = None) -> Figure:
    """Curves over depth, on logarithmic scales; what exceeds ``most`` leaves at the top."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 3.2))
        axes = figure.add_axes((0.13, 0.15, 0.84, 0.81))
        for (name, values), style, colour in zip(curves.items(), _STYLES, _COLOURS, strict=True):
            axes.plot(_DEPTHS, values, style, color=colour, ms=4, lw=1.2, label=name)
        _label(axes, label, most)
        return figure


def _label(axes: Axes, label: str, most: float | None) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(_DEPTHS, [str(depth) for depth in _DEPTHS])
    axes.minorticks_off()
    axes.set_ylim(top=most)
    axes.set_xlabel("depth L")
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=8)


def picture(name: str) -> str:
    """The SVG document of a picture."""
    with mpl.rc_context(STYLE):
        return f"{svg_text(PICTURES[name]())}\n"


@click.command()
def main() -> None:
    """Draw all pictures anew."""
    for name in PICTURES:
        path = FOLDER / f"{name}.svg"
        path.write_text(picture(name), encoding="utf-8")
        click.echo(f"{path}")


if __name__ == "__main__":
    main()
