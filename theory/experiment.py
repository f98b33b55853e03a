"""How a finite network is tried, and what is measured on it.

Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from theory.architecture import Architecture
from theory.errors import DomainError
from theory.parameterization import Optimizer, Parameterization


class Experiment(StrEnum):
    """How a finite network is tried."""

    PROPAGATION = "propagation"
    ONE_STEP = "one_step"
    TRAINING = "training"


class Observable(StrEnum):
    """A positive number measured on one finite network; ``definition`` says which."""

    FORWARD_SECOND_MOMENT = "forward_second_moment"
    BACKWARD_SECOND_MOMENT = "backward_second_moment"
    STREAM_CHANGE = "stream_change"
    OUTPUT_CHANGE = "output_change"
    FIRST_LAYER_OWN_CHANGE = "first_layer_own_change"
    MAXIMAL_UPDATE_RATE = "maximal_update_rate"
    TRAINED_STREAM_CHANGE = "trained_stream_change"
    TRAINED_LOSS = "trained_loss"

    @property
    def definition(self) -> str:
        """One sentence: what is averaged over what."""
        return _DEFINITIONS[self][1]

    @property
    def experiment(self) -> Experiment:
        """The experiment that measures it."""
        return _DEFINITIONS[self][0]


_DEFINITIONS = {
    Observable.FORWARD_SECOND_MOMENT: (
        Experiment.PROPAGATION,
        "mean of h_L^2 over coordinates and inputs, at initialization",
    ),
    Observable.BACKWARD_SECOND_MOMENT: (
        Experiment.PROPAGATION,
        "mean of (n df/dh_0)^2 over coordinates and inputs, at initialization",
    ),
    Observable.STREAM_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over coordinates and inputs of d h_L / d eta at eta = 0",
    ),
    Observable.OUTPUT_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over inputs of d f / d eta at eta = 0",
    ),
    Observable.FIRST_LAYER_OWN_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over blocks, coordinates and inputs of multiplier * (dW_{l,1} / d eta) "
        "h_{l-1} at eta = 0: the change of u_l by its own weight, the moving stream left out",
    ),
    Observable.MAXIMAL_UPDATE_RATE: (
        Experiment.ONE_STEP,
        "eta* with S(eta*) = 1, S the mean over stream states (layers of a chain) of the second "
        "moment, over coordinates and inputs of one network, of the change after one step, to "
        "first order in eta",
    ),
    Observable.TRAINED_STREAM_CHANGE: (
        Experiment.TRAINING,
        "root mean square over coordinates and held-out inputs of h_L after k steps minus h_L "
        "at initialization",
    ),
    Observable.TRAINED_LOSS: (
        Experiment.TRAINING,
        "mean cross-entropy over held-out inputs after k steps",
    ),
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything about an experiment that is not the network.

    ``batch`` inputs per step; only for training, ``steps`` at base learning rate ``rate``, with
    SGD's ``momentum`` and a ``weight_decay`` that is added to the gradient, the same for every role
    (one-step derivatives are taken at rate 1). Raises ``DomainError`` for a momentum outside
    [0, 1) or a negative weight decay.
    """

    experiment: Experiment
    batch: int
    steps: int = 0
    rate: Fraction = Fraction(1)
    momentum: Fraction = Fraction(0)
    weight_decay: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise DomainError(f"momentum {self.momentum}: expected a number from 0 to below 1")
        if self.weight_decay < 0:
            raise DomainError(f"weight decay {self.weight_decay}: expected 0 or a positive number")

    def __str__(self) -> str:
        if self.experiment is Experiment.TRAINING:
            extras = f", momentum {self.momentum}" if self.momentum else ""
            extras += f", weight decay {self.weight_decay}" if self.weight_decay else ""
            return (
                f"{self.steps} steps on digits, cross-entropy, batch {self.batch}, "
                f"base rate {self.rate}{extras}"
            )
        data = "Gaussian inputs with |x|^2 = d"
        if self.experiment is Experiment.PROPAGATION:
            return f"initialization, {self.batch} {data}"
        return f"first step on {self.batch} {data}, labels +-1, squared loss"


@dataclass(frozen=True, slots=True)
class Setting:
    """A network family under a parameterization, and the protocol by which it is tried.

    Raises ``DomainError`` for momentum under Adam, which has its own.
    """

    architecture: Architecture
    parameterization: Parameterization
    protocol: Protocol

    def __post_init__(self) -> None:
        if self.protocol.momentum and self.parameterization.optimizer is not Optimizer.SGD:
            raise DomainError(
                f"momentum {self.protocol.momentum}: belongs to SGD, and "
                f"{self.parameterization.name} trains with {self.parameterization.optimizer}"
            )

    def __str__(self) -> str:
        learner = f"{self.parameterization.name} with {self.parameterization.optimizer}"
        return f"{self.architecture}; {learner}; {self.protocol}"
