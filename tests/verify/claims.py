"""Claims about a setting along depth, and made-up measurements of them."""

from dataclasses import replace

import numpy as np

from theory import (
    Axis,
    Cell,
    CurveEquals,
    ExponentEquals,
    GeometricMeanEquals,
    Propagation,
    Setting,
    depth_mup,
    mup,
    rational,
    residual,
)
from theory.exact.propagation import forward_second_moment
from theory.prediction import product
from theory.relations import Relation
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import weigh
from verify.judging.quantities import claim_of
from verify.judging.verdict import Judgement, conclude

CELLS = product((64,), (4, 8, 16, 32, 64))
LOG_DEPTHS = np.log([cell.depth for cell in CELLS])
SETTING = Setting(residual(1), depth_mup(), Propagation(batch=2))
OTHER = replace(SETTING, parameterization=mup())
ZERO = rational(0)


def claimed(
    relation: Relation, margin: float = 0.1, replicates: int = 32, cells: tuple[Cell, ...] = CELLS
) -> Claim:
    """A claim about a setting along depth."""
    sizes = np.array([float(cell.depth) for cell in cells])
    labels = [str(cell) for cell in cells]
    network = (SETTING.architecture, SETTING.parameterization)
    return claim_of(
        relation,
        margin,
        replicates,
        labels,
        sizes,
        curve_values=lambda curve: np.array([curve(*network, cell) for cell in cells]),
    )


def exact_curve() -> np.ndarray:
    return np.array([forward_second_moment(residual(1), depth_mup(), cell) for cell in CELLS])


CLAIM = claimed(ExponentEquals(Axis.DEPTH, ZERO, "a test"))
GEOMETRIC = claimed(GeometricMeanEquals(Axis.DEPTH, forward_second_moment), margin=0.1)
CURVE = claimed(CurveEquals(Axis.DEPTH, forward_second_moment), margin=0.03)


def judged(claim: Claim, values: np.ndarray, level: float = 0.05) -> Judgement:
    return conclude(weigh(claim, Measured(values)), level)


def measurements(logs: np.ndarray, spread: float = 0.05, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, (32, len(CELLS)))
    return np.exp(logs + noise)
