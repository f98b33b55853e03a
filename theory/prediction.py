"""A prediction as data: what is observed, in which networks, what it should be, and how closely.

Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from theory.errors import InputError, NoTheoryError
from theory.experiments import Setting
from theory.images import DIGITS, source_of
from theory.observables import FINITE_SIZE, Observable
from theory.relations import Relation
from theory.scaling import Axis, Cell, Power

MOST_LOOKS = 3


class Profile(StrEnum):
    """How much work a campaign does."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells, and the number of replicates of the prediction and of its controls at the first look.

    Every further look, announced here, doubles both, a control's until it is rejected; what is
    decided is not looked at again.
    """

    cells: tuple[Cell, ...]
    replicates: int
    control_replicates: int
    looks: int = MOST_LOOKS

    def __post_init__(self) -> None:
        if not 1 <= self.looks <= MOST_LOOKS:
            raise InputError(f"{self.looks} looks: expected 1 to {MOST_LOOKS}")
        if min(self.replicates, self.control_replicates) < 2:
            raise InputError(
                f"{self.replicates} and {self.control_replicates} replicates: "
                "at least two are needed to see a spread"
            )


def product(widths: tuple[int, ...], depths: tuple[int, ...]) -> tuple[Cell, ...]:
    """Every width with every depth, in ascending order.

    >>> from scaleproof import product
    >>> [str(cell) for cell in product((64, 128), (8,))]
    ['n=64, L=8', 'n=128, L=8']
    """
    return tuple(Cell(width, depth) for width in widths for depth in depths)


def ray(width_per_layer: int, depths: tuple[int, ...]) -> tuple[Cell, ...]:
    """Cells with n = ``width_per_layer`` L: corrections in L/n are constant along it.

    >>> from scaleproof import ray
    >>> [str(cell) for cell in ray(16, (4, 8))]
    ['n=64, L=4', 'n=128, L=8']
    """
    return tuple(Cell(width_per_layer * depth, depth) for depth in depths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Where a prediction is claimed, and tried: a grid per profile.

    Without a quick grid it is not tried in the quick profile, and without a standard one, which it
    may lack if it has a full one, in the full profile only; without a full grid, the full profile
    takes the standard one. ``corrections`` are declared finite-size columns of the regression (1/L
    is ``Power(depth=-1)``); they are part of the prediction, not chosen after seeing data. Raises
    ``InputError`` where there is no standard grid and not a full one alone.
    """

    quick: Grid | None = None
    standard: Grid | None = None
    full: Grid | None = None
    corrections: tuple[Power, ...] = ()

    def __post_init__(self) -> None:
        if self.standard is None and (self.full is None or self.quick is not None):
            raise InputError("no standard grid: expected a full one, and no quick one; give it")

    @property
    def least(self) -> Profile:
        """The profile with the least work in which it is tried."""
        return next(profile for profile in Profile if self.is_tried(profile))

    def is_tried(self, profile: Profile) -> bool:
        """Whether there is a grid for the profile."""
        return self._grids[profile] is not None

    def grid(self, profile: Profile) -> Grid:
        """The grid of one profile; ``InputError`` when it is not tried there."""
        grid = self._grids[profile]
        if grid is None:
            raise InputError(f"not tried in the {profile} profile; take the {self.least} one")
        return grid

    @property
    def _grids(self) -> dict[Profile, Grid | None]:
        return {
            Profile.QUICK: self.quick,
            Profile.STANDARD: self.standard,
            Profile.FULL: self.full or self.standard,
        }


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a claim or a rival of it comes from."""

    key: str
    title: str
    where: str

    def __str__(self) -> str:
        return f"{self.title} ({self.key}), {self.where}"


class Standing(StrEnum):
    """Whose statement a prediction is, and so whom its rejection contradicts.

    ``STATED``: a source says so. ``READING``: a sentence of a source can be read so, and otherwise:
    a rejection leaves the sentence its other reading. ``PROJECT``: no source says so; it is this
    project's, from power counting, an exact theory, or a correction nobody has published.
    """

    STATED = "stated"
    READING = "reading"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Control:
    """A setting in which the relation is known to be false: the verdict there must be REJECTED.

    ``shifted``: where the control's measurement is the claim's own, of the same random numbers,
    times this power. Its rejection is arithmetic then: the margin can reject, and no more is
    learned. Where the claim is about a best learning rate, the control is the claim's own training
    at base rates times this power.
    """

    name: str
    setting: Setting
    shifted: Power | None = None


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

    ``twin``: of a reading, the id of the other one.

    Raises ``DomainError`` when the margin is not positive, no control is given or one is the claim
    itself, the experiment or the architecture does not have the observable, a reading has no twin,
    or anything else has one.
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
    standing: Standing
    rival: Rival | None = None
    twin: str | None = None

    def __post_init__(self) -> None:
        if self.margin <= 0:
            raise InputError(f"{self.id}: margin {self.margin}; expected a positive number")
        if (self.standing is Standing.READING) != (self.twin is not None) or self.twin == self.id:
            raise InputError(
                f"{self.id}: {self.standing} with twin {self.twin}; a reading names the other "
                "reading, and nothing else has a twin"
            )
        self._check_controls()
        quantity = self.relation.quantity
        other = quantity.compared_with()
        if isinstance(other, str) or not isinstance(self.relation.axis, Axis):
            raise InputError(
                f"{self.id}: columns of tables are no settings and no axes; give those"
            )
        if quantity.swept_rates() == ():
            raise InputError(f"{self.id}: no learning rates to choose the best of")
        settings = [self.setting, *(control.setting for control in self.controls)]
        for setting in [*settings, other] if other else settings:
            if type(setting.experiment) is not self.observable.experiment:
                raise InputError(
                    f"{self.id}: {self.observable} is measured by "
                    f"{self.observable.experiment.name}, not by {setting.experiment.name}"
                )
            exact = setting.architecture.has_exact_theory
            if self.observable in FINITE_SIZE and not exact:
                raise NoTheoryError(
                    f"{self.id}: {setting.architecture} has no exact recursion, and "
                    f"{self.observable} needs one; give chains or residual networks of vectors"
                )

    def _check_controls(self) -> None:
        """Refuse what could not be rejected where the sentence is true."""
        if not self.controls:
            raise InputError(f"{self.id}: no negative control; a test that cannot fail is none")
        for control in (*self.controls, *([] if self.rival is None else [self.rival.control])):
            if control.setting == self.setting and control.shifted is None:
                raise InputError(
                    f"{self.id}: control {control.name!r} is the claim's own setting; give one in "
                    "which the sentence is false"
                )


def on_images(prediction: Prediction, images: str) -> Prediction:
    """The same claim about training on other images, in every setting that it compares.

    It is another prediction, of which nothing is on record: behind an ``@``, its id names the
    images, if they are not digits. One that does not train, or trains on these anyway, is returned
    as it is. Raises ``InputError`` for images of no known source.

    >>> from scaleproof import find, on_images
    >>> on_images(find("C2.rate.width.mup"), "mnist5k").id
    'C2.rate.width.mup@mnist5k'
    """
    source = source_of(images)
    if prediction.setting.experiment.images in (None, images):
        return prediction

    def moved(setting: Setting) -> Setting:
        return replace(setting, experiment=setting.experiment.on_images(images))

    def about(relation: Relation) -> Relation:
        return replace(relation, quantity=relation.quantity.moved(moved))

    def against(control: Control) -> Control:
        return replace(control, setting=moved(control.setting))

    def named(id: str) -> str:
        claim = id.partition("@")[0]
        return claim if images == DIGITS else f"{claim}@{source.name}"

    rival = prediction.rival
    return replace(
        prediction,
        id=named(prediction.id),
        twin=prediction.twin and named(prediction.twin),
        setting=moved(prediction.setting),
        relation=about(prediction.relation),
        controls=tuple(against(control) for control in prediction.controls),
        rival=rival
        and replace(rival, relation=about(rival.relation), control=against(rival.control)),
    )


def claim_id(prediction: Prediction) -> str:
    """Its id in the catalogue, whatever the images."""
    return prediction.id.partition("@")[0]
