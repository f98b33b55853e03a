"""What keeps a parameterization from scaling, and what mends it. Imports ``theory`` only.

Powers are those of ``theory.power_counting``, in each direction by itself. ``theory.health`` says
which are healthy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from theory.architecture import Architecture
from theory.cures import Change, after, shortest_cures
from theory.errors import InputError, NoTheoryError
from theory.health import checks, checks_of_epsilon
from theory.parameterization import Parameterization
from theory.power_counting import Layer, count_powers
from theory.scaling import ONE, Axis

_NO_CURE = "no three changes of exponents mend it"


@dataclass(frozen=True, slots=True)
class Problem:
    """A quantity whose exponent is outside of what is healthy.

    ``exponent`` is ``None`` where no power describes it; ``nearest`` is the closest healthy one.
    """

    layer: Layer | None
    quantity: str
    axis: Axis
    exponent: Fraction | None
    nearest: Fraction = Fraction(0)

    def __str__(self) -> str:
        where = f" of {self.layer}" if self.layer else ""
        symbol = self.axis.symbol
        if self.exponent is None:
            return f"{self.quantity}{where} need not follow a power of {symbol}"
        expected = f", expected {symbol}^{self.nearest}" if self.nearest else ""
        return f"{self.quantity}{where} goes as {symbol}^{self.exponent}{expected}"


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a parameterization; iterates over problems, and is false without one."""

    architecture: Architecture
    parameterization: Parameterization
    axes: tuple[Axis, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def cures(self) -> tuple[tuple[Change, ...], ...]:
        """The cures with the fewest changes; of several, any one suffices.

        None, where three changes along an axis do not suffice, or signals follow no power.
        """
        if any(problem.exponent is None for problem in self.problems):
            return ()
        cures: list[tuple[Change, ...]] = [()]
        for axis in self.axes:
            found = shortest_cures(self.architecture, self.parameterization, axis)
            cures = [first + second for first in cures for second in found]
        return tuple(cure for cure in cures if cure)

    def cured(self) -> Parameterization:
        """With the first cure. Raises ``NoTheoryError`` where there is none."""
        if self.problems and not self.cures:
            raise NoTheoryError(f"{self.parameterization.name}: {_NO_CURE}")
        return after(self.cures[0] if self.cures else (), self.parameterization)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __len__(self) -> int:
        return len(self.problems)

    def __str__(self) -> str:
        if not self.problems:
            return "nothing is wrong"
        cures = [" and ".join(map(str, cure)) for cure in self.cures]
        said = [f"cure: {cures[0]}", *(f"  or: {cure}" for cure in cures[1:])] if cures else []
        return "\n".join([*map(str, self.problems), *(said or [_NO_CURE])])


def diagnose(
    architecture: Architecture, parameterization: Parameterization, axis: Axis | None = None
) -> Diagnosis:
    """Everything that keeps a parameterization from scaling, along one axis or both.

    Raises ``InputError`` for something that is no architecture or no parameterization.

    >>> from scaleproof import depth_mup, diagnose, residual
    >>> print(str(diagnose(residual(2), depth_mup())).splitlines()[0])
    the own change of branch.first goes as L^-1/2
    """
    for value, kind, example in (
        (architecture, Architecture, "residual(2)"),
        (parameterization, Parameterization, "depth_mup()"),
    ):
        if not isinstance(value, kind):
            raise InputError(
                f"diagnose takes an architecture and a parameterization of theory, such as "
                f"{example}; got a {type(value).__name__}. Networks are judged by scaleproof.guard"
            )
    axes = tuple(Axis) if axis is None else (axis,)
    problems = [one for each in axes for one in _problems(architecture, parameterization, each)]
    return Diagnosis(architecture, parameterization, axes, tuple(problems))


def _problems(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[Problem]:
    count = count_powers(architecture, parameterization)
    uncritical = not count.critical and axis is Axis.DEPTH and count.branch == ONE
    start = [Problem(None, "the size of signals", axis, None)] if uncritical else []
    found = [
        *checks(architecture, parameterization, axis),
        *checks_of_epsilon(count, axis),
    ]
    return start + [
        Problem(one.layer, one.quantity, axis, one.exponent, one.nearest)
        for one in found
        if one.nearest is not None
    ]
