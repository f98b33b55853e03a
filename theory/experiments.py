"""How a finite network is tried: a frozen class for each experiment, and ``Setting``.

Imports the standard library and ``theory`` only. ``probes.experiments`` runs what is said here.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar, Self

from theory.architecture import Architecture, Family, Normalization
from theory.errors import InputError
from theory.images import DIGITS, source_of
from theory.keys import NOT_IN_KEY, named_fields
from theory.parameterization import Optimizer, Parameterization
from theory.scaling import Cell

# Another one whenever old keys would stand for other numbers: after a change of a default, say.
KEY_VERSION = 1

_DATA = "Gaussian inputs with |x|^2 = d"


@dataclass(frozen=True, slots=True)
class Experiment(ABC):
    """How a finite network is tried: everything but the network, on ``batch`` inputs a step.

    The properties say what most experiments do without: whoever needs more, says so in its class.
    """

    batch: int

    name: ClassVar[str]
    # Whether networks may drop activations.
    takes_dropout: ClassVar[bool] = False
    # Whether several base learning rates are compared, from the same initial weights.
    compares_rates: ClassVar[bool] = False

    @abstractmethod
    def __str__(self) -> str:
        """What is done, in words."""

    @property
    def rate(self) -> Fraction:
        """The base learning rate; derivatives are taken at rate 1."""
        return Fraction(1)

    def at_rate(self, rate: Fraction) -> Self:
        """The same at another base learning rate.

        Raises ``InputError`` for another rate than 1 where the experiment has none.
        """
        if rate != self.rate:
            raise InputError(f"{self.name} at rate {rate}: no steps are taken; leave the rate out")
        return self

    @property
    def momentum(self) -> Fraction:
        """SGD's momentum."""
        return Fraction(0)

    @property
    def weight_decay(self) -> Fraction:
        """The weight decay of every role."""
        return Fraction(0)

    @property
    def draws_copies(self) -> bool:
        """Whether a trial draws an independent copy of the blocks' weights."""
        return False

    @property
    def reference(self) -> Cell | None:
        """The cell of a network that stands for the limit, and is measured beside the other."""
        return None

    @property
    def finest(self) -> int | None:
        """The number of blocks of which the blocks of shallower networks are sums."""
        return None

    @property
    def images(self) -> str | None:
        """Which images are shown (see ``theory.images``); without any, inputs are Gaussian."""
        return None

    def on_images(self, images: str) -> Self:  # noqa: ARG002 - for those that show some
        """The same on other images, where images are shown."""
        return self

    def check(self, setting: Setting) -> None:
        """Raise ``InputError`` for a setting whose networks this is not measured on."""
        architecture = setting.architecture
        if architecture.dropout and not self.takes_dropout:
            raise InputError(
                f"{architecture}: dropout is measured in the first step only; leave it out of "
                f"{self.name}"
            )
        if architecture.normalization is Normalization.BATCH and self.batch < 2:
            raise InputError(
                f"batch {self.batch}: one input is normalized over itself; give 2 or more"
            )


@dataclass(frozen=True, slots=True)
class Propagation(Experiment):
    """Signals and gradients at initialization."""

    name: ClassVar[str] = "propagation"

    def __str__(self) -> str:
        return f"initialization, {self.batch} {_DATA}"


@dataclass(frozen=True, slots=True)
class OneStep(Experiment):
    """The first step, to first order in the learning rate.

    With ``after`` steps at base rate 1 on the same inputs before it, the step behind them, as a
    fresh optimizer takes it: weights that start at zero have no say in the first one. Raises
    ``InputError`` for less than none.
    """

    after: int = field(default=0, kw_only=True)

    name: ClassVar[str] = "one_step"
    takes_dropout: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.after < 0:
            raise InputError(f"after {self.after} steps: expected 0 or more")

    def __str__(self) -> str:
        behind = f" behind {self.after} others" if self.after else ""
        return f"{_first_step(self)}{behind}"


@dataclass(frozen=True, slots=True)
class Coupling(Experiment):
    """The first step, split by what earlier queries of the weights determine.

    It is measured in pre-activation blocks of one or two layers, not normalized.
    """

    name: ClassVar[str] = "coupling"

    def check(self, setting: Setting) -> None:
        architecture = setting.architecture
        blocks = architecture.family is Family.RESIDUAL and architecture.layers_per_block <= 2
        blocks = blocks and not architecture.ends_with_activation
        if not blocks or architecture.normalized or not architecture.has_exact_theory:
            raise InputError(
                f"{architecture}: coupling is measured in pre-activation blocks of one or two "
                "layers, not normalized; give those"
            )
        Experiment.check(self, setting)  # slots make another class, which ``super()`` does not know

    def __str__(self) -> str:
        return f"{_first_step(self)}, split by what earlier queries determine"


@dataclass(frozen=True, slots=True)
class Decoupling(Experiment):
    """The first step with reused weights, against that with independent backward ones."""

    name: ClassVar[str] = "decoupling"

    @property
    def draws_copies(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{_first_step(self)}, with reused and with independent backward weights"


def _first_step(experiment: Experiment) -> str:
    return f"first step on {experiment.batch} {_DATA}, labels +-1, squared loss"


@dataclass(frozen=True, slots=True)
class Learning(Experiment):
    """Experiments in which networks take ``steps`` at base learning rate ``rate``.

    ``finest``: the networks of a replicate share their input and output weights, and those of L
    blocks have sums of finest / L neighbouring blocks of ``finest`` ones, over the root of that
    number. Every network has the law that it has alone, and all of them follow one Brownian path
    (Giles 2008, Multilevel Monte Carlo path simulation, section 2), so that differences of depths
    spread much less. Chains have none: their layers are no increments.

    Raises ``InputError`` for a ``finest`` below one block.
    """

    steps: int = 0
    rate: Fraction = Fraction(1)
    finest: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.finest is not None and self.finest < 1:
            raise InputError(f"finest {self.finest}: expected at least one block")

    def at_rate(self, rate: Fraction) -> Self:
        return replace(self, rate=rate)

    def check(self, setting: Setting) -> None:
        Experiment.check(self, setting)
        if self.finest is not None and setting.architecture.family is Family.CHAIN:
            raise InputError(
                f"{setting.architecture} with finest {self.finest}: only blocks are sums of "
                "smaller ones; give residual networks, or leave it out"
            )

    @property
    def _summed(self) -> str:
        return f", blocks summed from {self.finest}" if self.finest else ""


@dataclass(frozen=True, slots=True)
class Fitting(Learning):
    """Steps of squared loss on one batch.

    ``independent_backward``: the backward pass uses an independent copy of the blocks' weights, and
    both learn.
    """

    independent_backward: bool = field(default=False, kw_only=True)

    name: ClassVar[str] = "fitting"

    @property
    def draws_copies(self) -> bool:
        return self.independent_backward

    def __str__(self) -> str:
        return f"{_fitted(self, self.independent_backward)}{self._summed}"


@dataclass(frozen=True, slots=True)
class Convergence(Learning):
    """Steps on one batch, of a network and of one at the cell ``reference``, the limit's stand-in.

    ``independent_backward`` as in ``Fitting``. The reference is the deepest network on a path:
    raises ``InputError`` for a ``finest`` that is not its depth.
    """

    independent_backward: bool = field(default=False, kw_only=True)
    reference: Cell = field(kw_only=True)

    name: ClassVar[str] = "convergence"

    def __post_init__(self) -> None:
        Learning.__post_init__(self)
        if self.finest is not None and self.finest != self.reference.depth:
            raise InputError(
                f"finest {self.finest} and a reference of depth {self.reference.depth}: expected "
                "the same, for the reference is the deepest network on the path"
            )

    @property
    def draws_copies(self) -> bool:
        return self.independent_backward

    def __str__(self) -> str:
        against = f", against a network at {self.reference}"
        return f"{_fitted(self, self.independent_backward)}{against}{self._summed}"


def _fitted(experiment: Learning, independent_backward: bool) -> str:
    extras = ", independent backward weights" if independent_backward else ""
    return (
        f"{experiment.steps} steps on the same {experiment.batch} {_DATA}, labels +-1, squared "
        f"loss, base rate {experiment.rate}{extras}"
    )


@dataclass(frozen=True, slots=True)
class Training(Learning):
    """Steps of cross-entropy on ``images``, each shown in at most ``passes`` passes.

    With SGD's ``momentum`` and a ``weight_decay``, the same for every role. SGD adds weight_decay
    * W to the gradient; under Adam the decay is decoupled (AdamW: Loshchilov and Hutter, arXiv
    1711.05101, Algorithm 2): each step takes rate * weight_decay * W from W, at the learning rate
    of W's role.

    Raises ``InputError`` for a momentum outside [0, 1), a negative weight decay, images of no
    known source, or less than one pass.
    """

    momentum: Fraction = field(default=Fraction(0), kw_only=True)
    weight_decay: Fraction = field(default=Fraction(0), kw_only=True)
    # Measurements depend on what the images are, wherever they lie, and not on how many passes
    # would have been allowed.
    images: str = field(default=DIGITS, kw_only=True, metadata=NOT_IN_KEY)
    passes: int = field(default=1, kw_only=True, metadata=NOT_IN_KEY)

    name: ClassVar[str] = "training"
    compares_rates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Learning.__post_init__(self)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum {self.momentum}: expected a number from 0 to below 1")
        if self.weight_decay < 0:
            raise InputError(f"weight decay {self.weight_decay}: expected 0 or a positive number")
        source_of(self.images)
        if self.passes < 1:
            raise InputError(f"{self.passes} passes: expected at least 1")

    def on_images(self, images: str) -> Self:
        return replace(self, images=images)

    def check(self, setting: Setting) -> None:
        Learning.check(self, setting)
        parameterization = setting.parameterization
        if self.momentum and parameterization.optimizer is not Optimizer.SGD:
            raise InputError(
                f"momentum {self.momentum}: belongs to SGD, and {parameterization.name} trains "
                f"with {parameterization.optimizer}"
            )

    def __str__(self) -> str:
        passes = f" in at most {self.passes} passes" if self.passes > 1 else ""
        extras = f", momentum {self.momentum}" if self.momentum else ""
        extras += f", weight decay {self.weight_decay}" if self.weight_decay else ""
        return (
            f"{self.steps} steps on {source_of(self.images).name}{passes}, cross-entropy, "
            f"batch {self.batch}, base rate {self.rate}{extras}{self._summed}"
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """A network family under a parameterization, and the experiment by which it is tried.

    Raises ``InputError`` for networks on which the experiment is not measured: momentum under
    Adam, which has its own, coupling in other networks than pre-activation blocks of one or two
    layers, not normalized, and chains with a ``finest`` number of blocks. Also for dropout in other
    experiments than the first step, and a batch of one input that is normalized over itself.
    """

    architecture: Architecture
    parameterization: Parameterization
    experiment: Experiment

    def __post_init__(self) -> None:
        self.experiment.check(self)

    def key(self) -> str:
        """A text that two settings share only if networks give the same numbers in both.

        It is JSON of the fields by name, without those that have their default. Names and sources
        of parameterizations are left out, and of training the images, which whoever stores
        measurements names by what they are, and the passes.
        """
        parts = {
            "version": KEY_VERSION,
            "architecture": named_fields(self.architecture),
            "parameterization": named_fields(self.parameterization),
            "experiment": {self.experiment.name: named_fields(self.experiment)},
        }
        return json.dumps(parts, sort_keys=True)

    def __str__(self) -> str:
        learner = f"{self.parameterization.name} with {self.parameterization.optimizer}"
        return f"{self.architecture}; {learner}; {self.experiment}"


def images_besides_digits(settings: Iterable[Setting]) -> set[str]:
    """Sources of the images that settings show, but for digits, which come with a package."""
    shown = {setting.experiment.images for setting in settings}
    return {images for images in shown if images is not None and images != DIGITS}
