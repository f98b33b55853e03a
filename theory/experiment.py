"""How a finite network is tried, and what is measured on it.

Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from theory.architecture import Architecture, Family, Normalization
from theory.errors import InputError
from theory.images import DIGITS, source_of
from theory.parameterization import Optimizer, Parameterization
from theory.scaling import Cell


class Experiment(StrEnum):
    """How a finite network is tried."""

    PROPAGATION = "propagation"
    ONE_STEP = "one_step"
    COUPLING = "coupling"
    DECOUPLING = "decoupling"
    FITTING = "fitting"
    CONVERGENCE = "convergence"
    TRAINING = "training"


class Observable(StrEnum):
    """A positive number measured on one finite network; ``definition`` says which."""

    FORWARD_SECOND_MOMENT = "forward_second_moment"
    BACKWARD_SECOND_MOMENT = "backward_second_moment"
    BRANCH_SECOND_MOMENT = "branch_second_moment"
    KURTOSIS = "kurtosis"
    INCREMENT_RATIO = "increment_ratio"
    LIMIT_DISTANCE = "limit_distance"
    RECURSION_ERROR = "recursion_error"
    STREAM_CHANGE = "stream_change"
    INPUT_CHANGE = "input_change"
    OUTPUT_CHANGE = "output_change"
    LAST_LAYER_RATIO = "last_layer_ratio"
    DRIFT_SHARE = "drift_share"
    BLOCK_OWN_CHANGE = "block_own_change"
    BLOCK_CHANGE = "block_change"
    FIRST_LAYER_OWN_CHANGE = "first_layer_own_change"
    FIRST_LAYER_CHANGE = "first_layer_change"
    MAXIMAL_UPDATE_RATE = "maximal_update_rate"
    BACKWARD_COUPLING = "backward_coupling"
    BLOCK_COUPLING = "block_coupling"
    BLOCK_COUPLING_AMPLITUDE = "block_coupling_amplitude"
    STREAM_COUPLING = "stream_coupling"
    OUTPUT_COUPLING = "output_coupling"
    OUTPUT_REUSE_RATIO = "output_reuse_ratio"
    OUTPUT_REUSE_DISTANCE = "output_reuse_distance"
    STREAM_REUSE_RATIO = "stream_reuse_ratio"
    STREAM_REUSE_DISTANCE = "stream_reuse_distance"
    FITTED_OUTPUT = "fitted_output"
    FITTED_SECOND_MOMENT = "fitted_second_moment"
    FITTED_KURTOSIS = "fitted_kurtosis"
    REFERENCE_DISTANCE = "reference_distance"
    TRAINED_STREAM_CHANGE = "trained_stream_change"
    TRAINED_LOSS = "trained_loss"
    TRAINING_LOSS = "training_loss"

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
    Observable.BRANCH_SECOND_MOMENT: (
        Experiment.PROPAGATION,
        "mean of (h_l - h_{l-1})^2 over blocks, coordinates and inputs, at initialization",
    ),
    Observable.KURTOSIS: (
        Experiment.PROPAGATION,
        "mean of h_L^4 over the square of the mean of h_L^2, over coordinates of one input, mean "
        "over inputs; 3 for centred Gaussian coordinates",
    ),
    Observable.INCREMENT_RATIO: (
        Experiment.PROPAGATION,
        "mean of (h_L - h_0)^2 over the sum of those of h_L - h_M and h_M - h_0, M = L / 2 rounded "
        "down, over coordinates and inputs; 1 for uncorrelated increments",
    ),
    Observable.LIMIT_DISTANCE: (
        Experiment.PROPAGATION,
        "|q_L / q - 1|, q_L the mean of h_L^2 over coordinates and inputs at initialization and q "
        "its limit at infinite width and depth under the residual multiplier L^-1/2",
    ),
    Observable.RECURSION_ERROR: (
        Experiment.PROPAGATION,
        "mean over inputs of (q_L / q - 1)^2, q_L the mean of h_L^2 over coordinates at "
        "initialization and q its value at infinite width and the same depth",
    ),
    Observable.STREAM_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over coordinates and inputs of d h_L / d eta at eta = 0",
    ),
    Observable.INPUT_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over coordinates and inputs of d h_0 / d eta (z_1 of a chain) at eta = 0",
    ),
    Observable.LAST_LAYER_RATIO: (
        Experiment.ONE_STEP,
        "the change of the last stream state over the root mean square of those of all stream "
        "states (layers of a chain), of root mean squares over coordinates and inputs",
    ),
    Observable.DRIFT_SHARE: (
        Experiment.ONE_STEP,
        "share of |d h_L / d eta|^2 along the gradient of f with respect to h_L, mean over inputs",
    ),
    Observable.BLOCK_OWN_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over blocks, coordinates and inputs of multiplier * (dW_{l,m} / d eta) "
        "times what enters it, over that of the branch h_l - h_{l-1} itself: the change of a "
        "block's contribution by its last weight, relative to its size",
    ),
    Observable.BLOCK_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over blocks, coordinates and inputs of d (h_l - h_{l-1}) / d eta, the "
        "moving stream included, over that of h_l - h_{l-1}",
    ),
    Observable.FIRST_LAYER_CHANGE: (
        Experiment.ONE_STEP,
        "root mean square over blocks, coordinates and inputs of d u_l / d eta at eta = 0, the "
        "moving stream included",
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
    Observable.BACKWARD_COUPLING: (
        Experiment.COUPLING,
        "share of |W^T g|^2 in the span of what the forward pass asked of W, at initialization, W "
        "the last weight of a block, mean over blocks",
    ),
    Observable.BLOCK_COUPLING: (
        Experiment.COUPLING,
        "mean square, over blocks, coordinates and inputs, of the part of d h_l / d eta that block "
        "l adds through its initial weights and that its backward pass has determined: "
        "multiplier * P_G W_0 (1 - P_X) d x / d eta, P_X and P_G onto what W_0 was asked in the "
        "forward and the backward pass",
    ),
    Observable.BLOCK_COUPLING_AMPLITUDE: (
        Experiment.COUPLING,
        "square root of the block coupling",
    ),
    Observable.STREAM_COUPLING: (
        Experiment.COUPLING,
        "root mean square over coordinates and inputs of the sum over blocks of what the block "
        "coupling is the mean square of",
    ),
    Observable.OUTPUT_COUPLING: (
        Experiment.COUPLING,
        "root mean square over inputs of the readout of that sum",
    ),
    Observable.OUTPUT_REUSE_RATIO: (
        Experiment.DECOUPLING,
        "root mean square over inputs of d f / d eta, over the same for updates whose backward "
        "pass uses an independent copy of the weights of the blocks",
    ),
    Observable.OUTPUT_REUSE_DISTANCE: (
        Experiment.DECOUPLING,
        "root mean square over inputs of the difference of these two d f / d eta, over that of "
        "the first",
    ),
    Observable.STREAM_REUSE_RATIO: (
        Experiment.DECOUPLING,
        "root mean square over coordinates and inputs of d h_L / d eta, over the same for such "
        "updates",
    ),
    Observable.STREAM_REUSE_DISTANCE: (
        Experiment.DECOUPLING,
        "|1 - 1 / (that ratio)|: how far the sizes of the two d h_L / d eta are apart (coordinate "
        "by coordinate they follow different weights, and differ)",
    ),
    Observable.FITTED_OUTPUT: (
        Experiment.FITTING,
        "mean over inputs of y f after k steps on one batch",
    ),
    Observable.FITTED_SECOND_MOMENT: (
        Experiment.FITTING,
        "mean of h_L^2 over coordinates and inputs, after k steps on one batch",
    ),
    Observable.FITTED_KURTOSIS: (
        Experiment.FITTING,
        "mean of h_L^4 over the square of the mean of h_L^2, over coordinates of one input, mean "
        "over inputs, after k steps on one batch",
    ),
    Observable.REFERENCE_DISTANCE: (
        Experiment.CONVERGENCE,
        "root mean square over coordinates and inputs of h_L after k steps on one batch, minus "
        "that of a much larger network with the same input and output weights (and, on one "
        "Brownian path, with the blocks that this one's are sums of)",
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
    Observable.TRAINING_LOSS: (
        Experiment.TRAINING,
        "mean cross-entropy over the last quarter of the steps, of each batch before its step",
    ),
}


# Measured against an exact recursion, which networks with attention do not have.
FINITE_SIZE = frozenset({Observable.LIMIT_DISTANCE, Observable.RECURSION_ERROR})


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything about an experiment that is not the network.

    ``batch`` inputs per step; only for training, fitting and convergence, ``steps`` at base
    learning rate ``rate``, with SGD's ``momentum`` and a ``weight_decay``, the same for every role
    (one-step derivatives are taken at rate 1). SGD adds weight_decay * W to the gradient; under
    Adam the decay is decoupled (AdamW: Loshchilov and Hutter, arXiv 1711.05101, Algorithm 2): each
    step takes rate * weight_decay * W from W, at the learning rate of W's role.
    ``independent_backward``: the backward pass of fitting and convergence uses an independent copy
    of the blocks' weights, and both learn. ``reference``: the cell of the network that stands for
    the limit in experiments on convergence, and in no others. Only for training, ``images``: what
    is learned (see ``theory.images``), and ``passes``: how often an image is shown at most.

    ``finest``, for training and fitting, and as the reference's depth for convergence: the networks
    of a replicate share their input and output weights, and those of L blocks have sums of
    finest / L neighbouring blocks of ``finest`` ones, over the root of that number. Every network
    has the law that it has alone, and all of them follow one Brownian path (Giles 2008, Multilevel
    Monte Carlo path simulation, section 2), so that differences of depths spread much less.

    Raises ``InputError`` for a momentum outside [0, 1), a negative weight decay, images of no
    known source, less than one pass or one block, or any of these where it does not belong.
    """

    experiment: Experiment
    batch: int
    steps: int = 0
    rate: Fraction = Fraction(1)
    momentum: Fraction = Fraction(0)
    weight_decay: Fraction = Fraction(0)
    independent_backward: bool = False
    reference: Cell | None = None
    finest: int | None = None
    # Not in the repr, by which measurements are found again: these depend on what the images are,
    # wherever they lie, and not on how many passes would have been allowed.
    images: str = field(default=DIGITS, repr=False)
    passes: int = field(default=1, repr=False)

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.experiment is Experiment.CONVERGENCE):
            raise InputError(
                f"{self.experiment} with reference {self.reference}: experiments on convergence "
                "need the cell of a reference network, and others have none"
            )
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum {self.momentum}: expected a number from 0 to below 1")
        if self.weight_decay < 0:
            raise InputError(f"weight decay {self.weight_decay}: expected 0 or a positive number")
        source_of(self.images)
        if self.passes < 1:
            raise InputError(f"{self.passes} passes: expected at least 1")
        if self.finest is not None:
            self._check_finest(self.finest)
        fitted = self.experiment in (Experiment.FITTING, Experiment.CONVERGENCE)
        if self.independent_backward and not fitted:
            raise InputError(
                f"{self.experiment} with an independent backward pass: only fitting and "
                "convergence have one; leave it out"
            )
        shown = self.images != DIGITS or self.passes > 1
        if shown and self.experiment is not Experiment.TRAINING:
            raise InputError(
                f"{self.experiment} with images {self.images!r} and {self.passes} passes: only "
                "training shows images; leave them out"
            )

    def _check_finest(self, finest: int) -> None:
        if finest < 1:
            raise InputError(f"finest {finest}: expected at least one block")
        if self.reference is not None and finest != self.reference.depth:
            raise InputError(
                f"finest {finest} and a reference of depth {self.reference.depth}: expected the "
                "same, for the reference is the deepest network on the path"
            )
        learns = (Experiment.TRAINING, Experiment.FITTING, Experiment.CONVERGENCE)
        if self.experiment not in learns:
            raise InputError(
                f"{self.experiment} with finest {finest}: only networks that are trained, fitted "
                "or compared with a reference share the weights of a deeper one; leave it out"
            )

    def __str__(self) -> str:
        if self.experiment is Experiment.TRAINING:
            passes = f" in at most {self.passes} passes" if self.passes > 1 else ""
            extras = f", momentum {self.momentum}" if self.momentum else ""
            extras += f", weight decay {self.weight_decay}" if self.weight_decay else ""
            extras += f", blocks summed from {self.finest}" if self.finest else ""
            return (
                f"{self.steps} steps on {source_of(self.images).name}{passes}, cross-entropy, "
                f"batch {self.batch}, base rate {self.rate}{extras}"
            )
        data = "Gaussian inputs with |x|^2 = d"
        if self.experiment is Experiment.PROPAGATION:
            return f"initialization, {self.batch} {data}"
        if self.experiment in (Experiment.FITTING, Experiment.CONVERGENCE):
            extras = ", independent backward weights" if self.independent_backward else ""
            extras += f", against a network at {self.reference}" if self.reference else ""
            extras += f", blocks summed from {self.finest}" if self.finest else ""
            return (
                f"{self.steps} steps on the same {self.batch} {data}, labels +-1, squared loss, "
                f"base rate {self.rate}{extras}"
            )
        aspect = {
            Experiment.COUPLING: ", split by what earlier queries determine",
            Experiment.DECOUPLING: ", with reused and with independent backward weights",
        }.get(self.experiment, "")
        return f"first step on {self.batch} {data}, labels +-1, squared loss{aspect}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A network family under a parameterization, and the protocol by which it is tried.

    Raises ``InputError`` for momentum under Adam, which has its own, for an experiment on coupling
    in other networks than pre-activation blocks of one or two layers, not normalized, for dropout
    in other experiments than the first step, for a batch of one input that would be normalized over
    itself, and for chains with a ``finest`` number of blocks: their layers are no increments.
    """

    architecture: Architecture
    parameterization: Parameterization
    protocol: Protocol

    def __post_init__(self) -> None:
        if self.protocol.momentum and self.parameterization.optimizer is not Optimizer.SGD:
            raise InputError(
                f"momentum {self.protocol.momentum}: belongs to SGD, and "
                f"{self.parameterization.name} trains with {self.parameterization.optimizer}"
            )
        blocks = self.architecture.family is Family.RESIDUAL
        blocks = blocks and not self.architecture.ends_with_activation
        blocks = blocks and self.architecture.has_exact_theory
        blocks = blocks and not self.architecture.normalized
        if self.protocol.experiment is Experiment.COUPLING and not (
            blocks and self.architecture.layers_per_block <= 2
        ):
            raise InputError(
                f"{self.architecture}: coupling is measured in pre-activation blocks of one or two "
                "layers, not normalized; give those"
            )
        self._check_batch()
        if self.protocol.finest is not None and self.architecture.family is Family.CHAIN:
            raise InputError(
                f"{self.architecture} with finest {self.protocol.finest}: only blocks are sums of "
                "smaller ones; give residual networks, or leave it out"
            )

    def _check_batch(self) -> None:
        architecture, batch = self.architecture, self.protocol.batch
        if architecture.dropout and self.protocol.experiment is not Experiment.ONE_STEP:
            raise InputError(
                f"{architecture}: dropout is measured in the first step only; leave it out of "
                f"{self.protocol.experiment}"
            )
        by_batch = architecture.normalization is Normalization.BATCH
        if by_batch and batch < 2:
            raise InputError(f"batch {batch}: one input is normalized over itself; give 2 or more")

    def __str__(self) -> str:
        learner = f"{self.parameterization.name} with {self.parameterization.optimizer}"
        return f"{self.architecture}; {learner}; {self.protocol}"
