"""A matrix that is revealed where it is asked is a Gaussian matrix, to rounding and in law."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from probes.weights.gaussian_matrix import ConditionedProduct, GaussianMatrix, _orthonormal_rows
from theory import DomainError

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5}


@st.composite
def questions(draw: st.DrawFn, vectors: int = 4) -> list[tuple[str, int, str]]:
    """A script: on which side, how many vectors, and how they relate to what was asked before."""
    kinds = [
        "fresh",
        "repeated",
        "combined",
        "nearly repeated",
        "zero",
        "parallel",
        "tiny",
        "almost parallel",
    ]
    step = st.tuples(st.sampled_from(["right", "left"]), st.integers(1, vectors))
    return [
        (side, count, draw(st.sampled_from(kinds)))
        for side, count in draw(st.lists(step, min_size=1, max_size=8))
    ]


def query(kind: str, shape: tuple[int, ...], earlier: list[torch.Tensor], generator, dtype):  # type: ignore[no-untyped-def]
    """Columns (R, n, k) of some kind; kinds that need earlier queries are fresh without them."""
    fresh = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    if kind == "zero":
        return torch.zeros_like(fresh)
    if kind == "parallel":
        return fresh[..., :1] * torch.arange(1, shape[-1] + 1, dtype=dtype)
    if kind == "almost parallel":
        return fresh[..., :1] + 1e-9 * fresh
    if kind == "tiny":
        return fresh * 1e-12
    if not earlier or kind == "fresh":
        return fresh
    before = torch.cat(earlier, dim=-1)
    mix = torch.randn(shape[0], before.shape[-1], shape[-1], generator=generator)
    combined = before @ mix.to(dtype)
    if kind == "repeated":
        return before[..., -shape[-1] :] if before.shape[-1] >= shape[-1] else fresh
    return combined if kind == "combined" else combined + 1e-6 * fresh


@given(
    questions(),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([torch.float64, torch.float32]),
    st.integers(0, 2**32),
)
@settings(max_examples=150)
def test_the_materialised_matrix_gave_every_answer(
    script: list[tuple[str, int, str]], n_out: int, n_in: int, dtype: torch.dtype, seed: int
) -> None:
    """Fresh, repeated, dependent, nearly dependent, vanishing queries, and more than n of them."""
    generator = torch.Generator().manual_seed(seed)
    matrix = GaussianMatrix(n_out, n_in, [seed, seed + 1], dtype)
    asked: dict[str, list[torch.Tensor]] = {"right": [], "left": []}
    answers = []
    for side, count, kind in script:
        size = n_in if side == "right" else n_out
        x = query(kind, (2, size, count), asked[side], generator, dtype)
        asked[side].append(x)
        answers.append((side, x, (matrix.matmul if side == "right" else matrix.rmatmul)(x)))
    full = matrix.materialise()
    assert full.shape == (2, n_out, n_in)
    largest = max(1.0, float(full.abs().max())) * math.sqrt(n_out * n_in)
    for side, x, answer in answers:
        expected = (full if side == "right" else full.mT) @ x
        allowed = TOLERANCE[dtype] * largest * float(x.abs().max())
        assert float((answer.total - expected).abs().max()) <= allowed


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(size, torch.float32) for size in (1e-36, 1e-24, 1e19, 1e30)] + [(1e166, torch.float64)],
)
def test_answers_are_linear_where_squares_leave_the_range_of_the_type(
    size: float, dtype: torch.dtype
) -> None:
    earlier, x = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    answers = []
    for factor in (1.0, size):
        matrix = GaussianMatrix(30, 40, 7, dtype)
        matrix.matmul(earlier)
        answers.append(matrix.matmul(x * factor).total / factor)
    torch.testing.assert_close(answers[1], answers[0], rtol=1e-5, atol=1e-6)


@given(st.integers(0, 2**32), st.integers(5, 18), st.integers(4, 20))
@settings(max_examples=100)
def test_rows_of_every_size_and_dependence_in_one_query(seed: int, n: int, count: int) -> None:
    """Columns that are fresh, repeated, nearly so, or combinations, over 16 orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    matrix = GaussianMatrix(n, n, [seed, seed + 1], torch.float64)
    asked: dict[str, list[torch.Tensor]] = {"right": [], "left": []}
    answers = []
    for side in ("right", "left", "right", "right", "left"):
        kinds = ["fresh", "repeated", "combined", "nearly repeated", "almost parallel"]
        columns: list[torch.Tensor] = []
        for _ in range(count):
            kind = kinds[int(torch.randint(5, (), generator=generator))]
            earlier = [*asked[side], *columns]
            x = query(kind, (2, n, 1), earlier, generator, torch.float64)
            columns.append(x * 10.0 ** float(torch.randint(-8, 8, (), generator=generator)))
        x = torch.cat(columns, dim=-1)
        asked[side].append(x)
        answers.append((side, x, (matrix.matmul if side == "right" else matrix.rmatmul)(x).total))
    full = matrix.materialise()
    for side, x, answer in answers:
        expected = (full if side == "right" else full.mT) @ x
        error = (answer - expected).norm(dim=1) / (x.norm(dim=1) * full.norm(dim=(1, 2))[:, None])
        assert float(error.max()) < 1e-11


def test_a_stack_can_go_on_in_another_order() -> None:
    x = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(0))
    matrix = GaussianMatrix(5, 6, [1, 2, 3])
    matrix.matmul(x)
    matrix.select(torch.tensor([2, 1, 0]))
    g = torch.ones(3, 5, 1)
    whole = GaussianMatrix(5, 6, [1, 2, 3])
    whole.matmul(x)
    torch.testing.assert_close(matrix.rmatmul(g).total, whole.rmatmul(g).total.flip(0))


def test_a_repeated_query_has_the_same_answer_and_nothing_fresh() -> None:
    matrix = GaussianMatrix(40, 30, 7, torch.float64)
    x = torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, g = matrix.matmul(x), torch.ones(40, 1, dtype=torch.float64)
    matrix.rmatmul(g)
    again = matrix.matmul(x @ torch.tensor([[1.0], [2.0], [-1.0]], dtype=torch.float64))
    torch.testing.assert_close(
        again.total[:, 0], first.total @ torch.tensor([1.0, 2.0, -1.0]).double()
    )
    assert float(again.fresh.abs().max()) == 0.0
    assert float(first.coupled.abs().max()) == 0.0


def test_what_earlier_queries_determine_is_the_coupling() -> None:
    """<g, W x> is known once W^T g is: that part of W x is coupled, and orthogonal to the rest."""
    matrix = GaussianMatrix(50, 60, 3, torch.float64)
    generator = torch.Generator().manual_seed(1)
    g = torch.randn(50, 2, dtype=torch.float64, generator=generator)
    x = torch.randn(60, 2, dtype=torch.float64, generator=generator)
    down = matrix.rmatmul(g).total
    up = matrix.matmul(x)
    torch.testing.assert_close(g.mT @ up.total, down.mT @ x)
    torch.testing.assert_close(
        g.mT @ up.fresh, torch.zeros(2, 2, dtype=torch.float64), atol=1e-12, rtol=0
    )
    projector = g @ torch.linalg.solve(g.mT @ g, g.mT)
    torch.testing.assert_close(projector @ up.total, up.coupled)
    assert float(up.coupled.norm()) > 0.1


def adaptive(matrix) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Statistics of a process that asks what it was told: a nonlinear chain there and back."""
    x = torch.ones(len(matrix.seeds), matrix.n, 1, dtype=torch.float64)
    h = torch.tanh(matrix.up(x)) + 1
    g = torch.relu(matrix.down(h))
    k = matrix.up(g - g.mean(1, keepdim=True))
    last = matrix.down(torch.sign(k))
    parts = [
        h.mean(1),
        g.square().mean(1),
        (h * k).mean(1),
        (k.square()).mean(1),
        (last * g).mean(1),
        last.square().mean(1),
        (last**4).mean(1),
        last[:, 0],
    ]
    return torch.cat(parts, 1)


class Asked:
    n = 5

    def __init__(self, seeds: range) -> None:
        self.seeds = seeds
        self._matrix = GaussianMatrix(self.n, self.n, seeds, torch.float64)

    def up(self, x: torch.Tensor) -> torch.Tensor:
        return self._matrix.matmul(x).total

    def down(self, g: torch.Tensor) -> torch.Tensor:
        return self._matrix.rmatmul(g).total


class Full(Asked):
    def __init__(self, seeds: range) -> None:
        self.seeds = seeds
        draws = [np.random.default_rng(seed).standard_normal((self.n, self.n)) for seed in seeds]
        self._full = torch.from_numpy(np.stack(draws))

    def up(self, x: torch.Tensor) -> torch.Tensor:
        return self._full @ x

    def down(self, g: torch.Tensor) -> torch.Tensor:
        return self._full.mT @ g


def worst_p_value(asked: type[Asked], size: int = 4000) -> float:
    """Smallest Kolmogorov-Smirnov p-value of eight statistics, corrected for being the smallest."""
    ours, theirs = adaptive(asked(range(size))), adaptive(Full(range(10**6, 10**6 + size)))
    found = [stats.ks_2samp(a, b).pvalue for a, b in zip(ours.T, theirs.T, strict=True)]
    return float(min(1.0, 8 * min(found)))


def test_the_law_is_that_of_a_full_matrix_at_every_size() -> None:
    """n = 5, where nothing is asymptotic; queries depend on the answers to earlier ones."""
    assert worst_p_value(Asked) > 0.001


class Unconditioned(Asked):
    """The mean-field mistake: every answer drawn anew, as if W and W^T were independent."""

    def up(self, x: torch.Tensor) -> torch.Tensor:
        self._matrix = GaussianMatrix(
            self.n, self.n, [int(s) + 10**5 for s in self.seeds], torch.float64
        )
        return super().up(x)


def test_the_law_test_sees_a_missing_coupling() -> None:
    assert worst_p_value(Unconditioned) < 1e-6


def test_entries_of_the_materialised_matrix_are_independent_normals() -> None:
    matrix = GaussianMatrix(4, 3, range(20_000), torch.float64)
    x = torch.randn(20_000, 3, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix.rmatmul(torch.tanh(matrix.matmul(x).total))
    entries = matrix.materialise().flatten(1).numpy()
    assert stats.kstest(entries.ravel(), "norm").pvalue > 0.001
    correlations = np.corrcoef(entries.T)[np.triu_indices(12, 1)]
    # 66 correlations of 20,000 pairs, Bonferroni at 0.001.
    assert abs(correlations).max() < stats.norm.isf(0.0005 / 66) / math.sqrt(20_000)
    squares = np.corrcoef(np.square(entries).T)[np.triu_indices(12, 1)]
    assert abs(squares).max() < 1.5 * stats.norm.isf(0.0005 / 66) / math.sqrt(20_000)


def test_a_matrix_of_a_stack_does_not_depend_on_its_neighbours() -> None:
    """Not even where a query is new to one of them only."""
    x = torch.randn(2, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    later = torch.randn(2, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    later[0] = x[0]
    stack, alone = (
        GaussianMatrix(5, 6, [1, 2], torch.float64),
        GaussianMatrix(5, 6, 2, torch.float64),
    )
    for matrix, member in ((stack, slice(None)), (alone, 1)):
        matrix.matmul(x[member])
        matrix.matmul(later[member])
    g = torch.ones(2, 5, 1, dtype=torch.float64)
    torch.testing.assert_close(stack.rmatmul(g).total[1], alone.rmatmul(g[1]).total)
    torch.testing.assert_close(stack.materialise()[1], alone.materialise())


def test_directions_stay_orthonormal_through_hundreds_of_near_dependent_queries() -> None:
    """Without re-orthogonalization, answers to the last queries would contradict the first."""
    matrix = GaussianMatrix(300, 300, 5)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 1, generator=generator)
    answers = []
    for _ in range(200):
        answers.append((x, matrix.matmul(x).total))
        x = x + 1e-3 * torch.randn(300, 1, generator=generator)
    full = matrix.materialise()
    error = max(float((full @ q - a).norm() / a.norm()) for q, a in answers)
    assert error < 1e-5


def test_once_materialised_everything_is_determined() -> None:
    matrix = GaussianMatrix(6, 5, 1)
    full, x = matrix.materialise(), torch.eye(5)
    answer = matrix.matmul(x)
    torch.testing.assert_close(answer.total, full)
    assert isinstance(answer, ConditionedProduct)
    assert float(answer.fresh.abs().max()) == 0.0
    torch.testing.assert_close(matrix.rmatmul(torch.eye(6)).total, full.mT)
    assert matrix.materialise() is not None
    torch.testing.assert_close(matrix.materialise(), full)


@pytest.mark.parametrize("shape", [(5,), (6, 2), (1, 5, 2)])
def test_a_query_of_another_shape_is_one_clear_line(shape: tuple[int, ...]) -> None:
    with pytest.raises(DomainError, match=r"a query of shape .*: expected \(5, k\)"):
        GaussianMatrix(6, 5, 1).matmul(torch.zeros(shape))


def test_a_query_of_another_dtype_is_one_clear_line() -> None:
    with pytest.raises(
        DomainError, match=r"a query of torch\.float64 for a matrix of torch\.float32"
    ):
        GaussianMatrix(6, 5, 1).matmul(torch.zeros(5, 2, dtype=torch.float64))


def test_infinities_stay_with_their_matrix() -> None:
    matrix = GaussianMatrix(6, 5, [1, 2])
    x = torch.ones(2, 5, 2)
    x[0, 0, 0] = torch.inf
    answer = matrix.matmul(x).total
    assert not answer[0].isfinite().all()
    alone = GaussianMatrix(6, 5, 2)
    torch.testing.assert_close(answer[1], alone.matmul(x[1]).total)


def test_only_directions_that_are_new_are_remembered() -> None:
    """Of a repeated query none, of one beside a neighbour of itself the neighbour's."""
    matrix = GaussianMatrix(8, 7, [1, 2], torch.float64)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 2, 7, 1, dtype=torch.float64, generator=generator)
    near = x + 1e-3 * y
    for query, remembered in ((x, 1), (x, 1), (torch.cat([x, near], -1), 2), (near, 2)):
        matrix.matmul(query)
        assert matrix._right.directions.shape == (2, remembered, 7)
        assert matrix._right.images.shape == (2, remembered, 8)


def test_a_query_may_be_part_of_a_graph() -> None:
    x = torch.ones(5, 1).requires_grad_()
    answer = GaussianMatrix(6, 5, 1).matmul(x).total
    torch.testing.assert_close(answer.detach(), GaussianMatrix(6, 5, 1).matmul(torch.ones(5, 1))[0])


def test_what_is_left_of_a_row_counts_from_its_limit_on() -> None:
    """(4/5, 3/5) leaves 3/5 beside (1, 0), and nothing where 7/10 is the limit."""
    rows = torch.tensor([[[1.0, 0.0], [0.8, 0.6]]], dtype=torch.float64)
    gram = (rows @ rows.mT).numpy()
    for limit, kept in ((0.5, 1.0), (0.7, 0.0)):
        new, triangle, left = _orthonormal_rows(rows, gram, np.full((1, 2), limit))
        np.testing.assert_allclose(new[0].numpy(), [[1.0, 0.0], [0.0, kept]], atol=1e-15)
        np.testing.assert_allclose(triangle[0].numpy(), [[1.0, 0.0], [0.8, 0.6 * kept]], atol=1e-15)
        np.testing.assert_allclose(left, [[1.0, 0.6 * kept]])
