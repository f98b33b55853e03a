"""Powers of width and depth form an abelian group, a vector space over the rationals."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import (
    Architecture,
    Axis,
    Cell,
    DomainError,
    Family,
    Power,
    RoleScaling,
    chain,
    depth_mup,
    rational,
    residual,
)
from theory.scaling import ONE

# Every fraction from -4 to 4, simple ones first: drawn ten times as fast as by ``st.fractions``.
FRACTIONS = {Fraction(p, q) for q in range(1, 13) for p in range(-4 * q, 4 * q + 1)}
exponents = st.sampled_from(sorted(FRACTIONS, key=lambda f: (f.denominator, abs(f), f)))
powers = st.builds(Power, exponents, exponents)
cells = st.builds(Cell, st.integers(1, 4096), st.integers(1, 256))


@given(powers, powers, powers)
def test_multiplication_is_an_abelian_group(p: Power, q: Power, r: Power) -> None:
    assert (p * q) * r == p * (q * r)
    assert p * q == q * p
    assert p * ONE == p
    assert p / p == ONE
    assert (p / q) * q == p


@given(powers, powers, exponents, exponents)
def test_rational_exponents_act_linearly(p: Power, q: Power, a: Fraction, b: Fraction) -> None:
    assert (p * q) ** a == p**a * q**a
    assert p ** (a + b) == p**a * p**b
    assert (p**a) ** b == p ** (a * b)


@given(powers, powers, cells)
def test_evaluation_is_a_homomorphism(p: Power, q: Power, cell: Cell) -> None:
    assert (p * q).at(cell) == pytest.approx(p.at(cell) * q.at(cell), rel=1e-12)


@given(powers)
def test_equal_powers_are_equal_keys(p: Power) -> None:
    assert {p: 1}[Power(p.width, p.depth)] == 1
    assert (p.along(Axis.WIDTH), p.along(Axis.DEPTH)) == (p.width, p.depth)


@pytest.mark.parametrize(
    ("power", "text"),
    [(ONE, "1"), (Power(width=1), "n"), (Power("-1/2", "-3/2"), "n^-1/2 L^-3/2")],
)
def test_powers_read_as_the_field_writes_them(power: Power, text: str) -> None:
    assert str(power) == text


@pytest.mark.parametrize("value", [0.5, True, None])
def test_only_exact_numbers_are_exponents(value: object) -> None:
    with pytest.raises(DomainError, match="exponents are exact"):
        rational(value)  # type: ignore[arg-type]


def test_text_that_is_no_number_is_refused() -> None:
    with pytest.raises(DomainError, match="'half'"):
        Power(depth="half")


@pytest.mark.parametrize(("width", "depth"), [(0, 4), (4, 0)])
def test_cells_have_a_size(width: int, depth: int) -> None:
    with pytest.raises(DomainError, match="at least 1"):
        Cell(width, depth)


def test_floats_are_refused_where_something_exact_is_meant() -> None:
    for make in (
        lambda: Cell(8.5, 2),  # type: ignore[arg-type]
        lambda: residual(1.5),  # type: ignore[arg-type]
        lambda: chain(0.1),  # type: ignore[arg-type]
        lambda: Architecture(Family.RESIDUAL, variance_factor=0.3),  # type: ignore[arg-type]
        lambda: RoleScaling(rate=0.5),  # type: ignore[arg-type]
        lambda: depth_mup().with_rates_times(0.5, "x"),  # type: ignore[arg-type]
    ):
        with pytest.raises(DomainError, match=r"float|expected a Power"):
            make()
