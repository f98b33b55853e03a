"""The experiments, each in a module that registers how it is run and what that takes."""

from probes.experiments import convergence, coupling, fitting, one_step, propagation, training
from probes.experiments.base import Trial, ends, products, run

__all__ = [
    "Trial",
    "convergence",
    "coupling",
    "ends",
    "fitting",
    "one_step",
    "products",
    "propagation",
    "run",
    "training",
]
