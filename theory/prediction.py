"""A prediction as data: what is observed, in which networks, what it should be, and how closely.

Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from theory.architecture import Architecture
from theory.errors import DomainError
from theory.parameterization import Parameterization
from theory.scaling import Axis, Cell, Power


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
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything about an experiment that is not the network.

    ``batch`` inputs per step, ``steps`` SGD steps at base learning rate ``rate`` (only training
    uses these two; one-step derivatives are taken at rate 1).
    """

    experiment: Experiment
    batch: int
    steps: int = 0
    rate: Fraction = Fraction(1)

    def __str__(self) -> str:
        if self.experiment is Experiment.TRAINING:
            return (
                f"{self.steps} SGD steps on digits, cross-entropy, batch {self.batch}, "
                f"base rate {self.rate}"
            )
        data = "Gaussian inputs with |x|^2 = d"
        if self.experiment is Experiment.PROPAGATION:
            return f"initialization, {self.batch} {data}"
        return f"first SGD step on {self.batch} {data}, labels +-1, squared loss"


@dataclass(frozen=True, slots=True)
class Setting:
    """A network family under a parameterization, and the protocol by which it is tried."""

    architecture: Architecture
    parameterization: Parameterization
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.architecture}; {self.parameterization.name}; {self.protocol}"


@dataclass(frozen=True, slots=True)
class ExponentEquals:
    """The observable grows as (size along ``axis``)^``value``; ``origin`` says who says so."""

    axis: Axis
    value: Fraction
    origin: str

    @property
    def expected(self) -> float:
        """The predicted number, on the scale of the estimate."""
        return float(self.value)

    def __str__(self) -> str:
        return f"exponent of {self.axis.symbol} = {self.value}"


@dataclass(frozen=True, slots=True)
class CurveEquals:
    """The observable equals ``curve`` at every cell; the estimate is measured / predicted."""

    axis: Axis
    curve: Callable[[Architecture, Parameterization, Cell], float]

    @property
    def expected(self) -> float:
        """The predicted number, on the scale of the estimate."""
        return 1.0

    @property
    def origin(self) -> str:
        """Where the predicted numbers come from."""
        return f"exact recursion {self.curve.__module__}.{self.curve.__name__}"

    def __str__(self) -> str:
        return f"value = {self.curve.__name__} at every cell"


Relation = ExponentEquals | CurveEquals


class Profile(StrEnum):
    """How much work a campaign does."""

    QUICK = "quick"
    STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells, and the number of replicates of the prediction and of its controls at each."""

    cells: tuple[Cell, ...]
    replicates: int
    control_replicates: int

    def __post_init__(self) -> None:
        if min(self.replicates, self.control_replicates) < 2:
            raise DomainError(
                f"{self.replicates} and {self.control_replicates} replicates: "
                "at least two are needed to see a spread"
            )


def product(widths: tuple[int, ...], depths: tuple[int, ...]) -> tuple[Cell, ...]:
    """Every width with every depth, in ascending order."""
    return tuple(Cell(width, depth) for width in widths for depth in depths)


def ray(width_per_layer: int, depths: tuple[int, ...]) -> tuple[Cell, ...]:
    """Cells with n = ``width_per_layer`` L: corrections in L/n are constant along it."""
    return tuple(Cell(width_per_layer * depth, depth) for depth in depths)


@dataclass(frozen=True, slots=True)
class Regime:
    """Where a prediction is claimed, and tried: a grid per profile.

    ``corrections`` are declared finite-size columns of the regression (1/L is
    ``Power(depth=-1)``); they are part of the prediction, not chosen after seeing data.
    """

    quick: Grid
    standard: Grid
    corrections: tuple[Power, ...] = ()

    def grid(self, profile: Profile) -> Grid:
        """The grid of one profile."""
        return self.quick if profile is Profile.QUICK else self.standard


class Verdict(StrEnum):
    """What the measurements say about a prediction.

    ACCEPTED: the interval lies inside predicted +- margin. REJECTED: it is disjoint from it.
    INCONCLUSIVE: neither yet. INVALID: a precondition failed, so the data say nothing.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a claim or a rival of it comes from."""

    key: str
    title: str
    where: str

    def __str__(self) -> str:
        return f"{self.title} ({self.key}), {self.where}"


@dataclass(frozen=True, slots=True)
class Control:
    """A setting in which the relation is known to be false: the verdict there must be REJECTED."""

    name: str
    setting: Setting


@dataclass(frozen=True, slots=True)
class Rival:
    """Another source's statement about the same measurements, judged at the same margin."""

    sentence: str
    relation: Relation
    citation: Citation
    control: Control


@dataclass(frozen=True, slots=True)
class Prediction:
    """One falsifiable sentence about finite networks.

    Raises ``DomainError`` when the margin is not positive, no control is given, or the protocol
    does not measure the observable.
    """

    id: str
    sentence: str
    observable: Observable
    relation: Relation
    setting: Setting
    regime: Regime
    margin: Fraction
    margin_reason: str
    citation: Citation
    controls: tuple[Control, ...]
    rival: Rival | None = None

    def __post_init__(self) -> None:
        if self.margin <= 0:
            raise DomainError(f"{self.id}: margin {self.margin}; expected a positive number")
        if not self.controls:
            raise DomainError(f"{self.id}: no negative control; a test that cannot fail is none")
        for setting in (self.setting, *(control.setting for control in self.controls)):
            if setting.protocol.experiment is not self.observable.experiment:
                raise DomainError(
                    f"{self.id}: {self.observable} is measured by {self.observable.experiment}, "
                    f"not by {setting.protocol.experiment}"
                )
