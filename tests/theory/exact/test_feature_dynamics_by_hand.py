"""The particle system against networks as wide as it has particles, trained by plain matrices.

N particles are a network of N coordinates whose weights are revealed where they are asked. After a
run they can be asked for all of their entries, and the run can be repeated with whole matrices.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from theory import Activation, Architecture, Cell, DomainError, Observable, depth_mup, residual
from theory.arrays import FloatArray
from theory.exact import feature_dynamics
from theory.exact.feature_dynamics import Fitted, Summary, _Field, _summary, _System, simulate

Function = Callable[[FloatArray], FloatArray]

GRAM = np.array([[1.0, 0.4], [0.4, 2.0]])
LABELS = np.array([1.0, -2.0])
RATE, STEPS = 0.3, 3


def architecture(activation: Activation) -> Architecture:
    return replace(residual(1), activation=activation, variance_factor=Fraction(3))


def system(
    activation: Activation, depth: int, particles: int, reused: bool, seed: int = 5
) -> _System:
    sequence = np.random.SeedSequence(seed)
    return _System(architecture(activation), GRAM, LABELS, RATE, reused, depth, particles, sequence)


def normals(size: int, columns: int) -> FloatArray:
    return np.random.default_rng(0).normal(size=(size, columns))


PHI: dict[Activation, tuple[Function, Function]] = {
    Activation.TANH: (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    Activation.RELU: (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float)),
    Activation.IDENTITY: (lambda x: x, np.ones_like),
}


class Network:
    """f = v.h_L / N, h_{l+1} = h_l + sqrt(T/L) W_l phi(h_l), h_0 = U x, by whole matrices.

    Gradients of the loss by each weight are sums of outer products. The rate of all is N times the
    base rate, as the mean-field limit wants. Backward passes may use matrices of their own, which
    learn as those of the forward pass do.
    """

    def __init__(self, particles: _System, activation: Activation, horizon: float) -> None:
        one = np.eye(len(particles._start))
        self.forward = [field.apply(one) for field in particles._forward]
        self.backward = [field.apply(one) for field in particles._backward]
        self.phi, self.slope = PHI[activation]
        self.scale = math.sqrt(horizon / len(self.forward))
        self.inputs = np.linalg.cholesky(GRAM)  # one row for each
        self.entry = np.linalg.solve(self.inputs, particles._start.T).T
        self.readout = particles._readout[:, 0].copy()

    def run(self) -> dict[str, FloatArray]:
        found: dict[str, list[FloatArray]] = {
            name: [] for name in ("outputs", "stream", "gradients", "stream_change", "kurtosis")
        }
        first = None
        for step in range(STEPS + 1):
            stream = [self.entry @ self.inputs.T]
            for weight in self.forward:
                stream.append(stream[-1] + self.scale * weight @ self.phi(stream[-1]))
            last, size = stream[-1], len(self.readout)
            first = last if first is None else first
            output = self.readout @ last / size
            found["outputs"].append(output)
            found["stream"].append(np.array([np.cov(h, rowvar=False, bias=True) for h in stream]))
            found["stream"][-1] += np.array([np.outer(h.mean(0), h.mean(0)) for h in stream])
            found["stream_change"].append(np.linalg.norm(last - first, axis=0) / math.sqrt(size))
            norm = np.linalg.norm(last, axis=0)
            found["kurtosis"].append(size * (last**4).sum(0) / norm**4)
            if step < STEPS:
                gradients = self.learn(stream, output)
                found["gradients"].append(
                    np.array([np.einsum("ib,ic->bc", g, g) / size for g in gradients])
                )
        return {name: np.array(values) for name, values in found.items()}

    def learn(self, stream: list[FloatArray], output: FloatArray) -> list[FloatArray]:
        """One step of gradient descent on the mean of (f - y)^2 / 2; gives n df/dh."""
        size = len(self.readout)
        g = np.repeat(self.readout[:, None], len(LABELS), axis=1)
        gradients, changes = [g], []
        loss = (output - LABELS) / len(LABELS)
        for depth in reversed(range(len(self.forward))):
            before = stream[depth]
            changes.append(self.scale * (g * loss) @ self.phi(before).T / size)
            g = g + self.slope(before) * (self.scale * self.backward[depth].T @ g)
            gradients.append(g)
        for depth, change in enumerate(reversed(changes)):
            self.forward[depth] = self.forward[depth] - RATE * change
            self.backward[depth] = self.backward[depth] - RATE * change
        self.entry = self.entry - RATE * (g * loss) @ self.inputs
        self.readout = self.readout - RATE * stream[-1] @ loss
        return gradients[::-1]


@pytest.mark.parametrize("activation", list(PHI))
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("reused", [True, False])
def test_particles_are_the_coordinates_of_a_network_trained_by_gradient_descent(
    activation: Activation, depth: int, reused: bool
) -> None:
    particles = system(activation, depth, 40, reused)
    found = particles.run(STEPS)
    expected = Network(particles, activation, 3.0).run()
    for values, (name, exact) in zip(found, expected.items(), strict=True):
        np.testing.assert_allclose(values, exact, rtol=1e-9, atol=1e-11, err_msg=name)
    assert expected["stream_change"][-1].min() > 0.05


@pytest.mark.parametrize("reused", [True, False])
def test_backward_weights_are_those_of_the_forward_pass_where_they_are_reused(reused: bool) -> None:
    particles = system(Activation.TANH, 2, 6, reused)
    for forward, backward in zip(particles._forward, particles._backward, strict=True):
        same = np.allclose(forward.apply(np.eye(6)), backward.apply(np.eye(6)))
        assert same == reused


def test_particles_start_as_gaussians_with_the_covariance_of_the_inputs() -> None:
    particles = system(Activation.TANH, 1, 100_000, True)
    start, readout = particles._start, particles._readout[:, 0]
    np.testing.assert_allclose(start.T @ start / len(start), GRAM, atol=0.02)
    assert np.square(readout).mean() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(start.T @ readout / len(start), 0.0, atol=0.02)


def test_a_correlation_above_one_by_rounding_counts_as_one() -> None:
    """The Gram matrix has a negative eigenvalue, of size 5e-13."""
    gram = np.array([[1.0, 1.0], [1.0, 1.0 - 1e-12]])
    sequence = np.random.SeedSequence(0)
    relu = architecture(Activation.RELU)
    start = _System(relu, gram, np.ones(2), RATE, True, 1, 5, sequence)._start
    np.testing.assert_allclose(start[:, 0], start[:, 1], rtol=1e-9)


def field(size: int = 30) -> _Field:
    return _Field(size, np.random.default_rng(1))


def test_a_field_gives_one_matrix_whichever_side_is_asked() -> None:
    """Questions of both sides in turn, new, repeated and dependent: all answers are of one W."""
    asked, x, y = field(), normals(30, 4), normals(30, 9)[:, 4:]
    images = asked.apply(x)
    signals = asked.apply_transpose(y)
    more = normals(30, 20)[:, 9:]
    others = asked.apply(np.concatenate([more, x @ np.ones((4, 2))], axis=1))
    again = asked.apply_transpose(np.concatenate([y, more], axis=1))
    matrix = asked.apply(np.eye(30))
    np.testing.assert_allclose(images, matrix @ x, atol=1e-12)
    np.testing.assert_allclose(signals, matrix.T @ y, atol=1e-12)
    np.testing.assert_allclose(others[:, :11], matrix @ more, atol=1e-12)
    np.testing.assert_allclose(others[:, 11:], (matrix @ x) @ np.ones((4, 2)), atol=1e-12)
    np.testing.assert_allclose(again, matrix.T @ np.concatenate([y, more], axis=1), atol=1e-12)
    np.testing.assert_allclose(asked.apply_transpose(np.eye(30)), matrix.T, atol=1e-12)


@pytest.mark.parametrize("first_side", [0, 10, 100])
def test_entries_of_a_field_have_variance_one_over_size(first_side: int) -> None:
    """Whatever was asked from the other side before: conditioned Gaussians add up to Gaussians."""
    asked = field(200)
    if first_side:
        asked.apply_transpose(normals(200, first_side))
    matrix = asked.apply(np.eye(200))
    assert 200 * np.square(matrix).mean() == pytest.approx(1.0, abs=0.03)
    assert 200 * abs(matrix.mean()) < 5 / math.sqrt(200)
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert singular.max() == pytest.approx(2.0, abs=0.15)  # Marchenko and Pastur


def test_small_changes_of_a_question_get_answers_of_their_own() -> None:
    """A change of a billionth is a new direction: its image is as long as that of any other."""
    asked, x, d = field(300), normals(300, 1), normals(300, 2)[:, 1:]
    step = 1e-9 * np.linalg.norm(x) * d / np.linalg.norm(d)
    moved = np.linalg.norm(asked.apply(x + step) - asked.apply(x)) / np.linalg.norm(step)
    assert moved == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_what_rounding_leaves_of_a_repeated_question_is_no_new_direction(size: float) -> None:
    """Whatever the size of questions: new is what lies outside by a share of their length."""
    asked, x = field(), size * normals(30, 3)
    asked.apply(x)
    asked.apply(x * (1 + 1e-14))
    asked.apply(np.concatenate([x, x @ normals(3, 5)], axis=1))
    assert asked._right.shape == (30, 3)
    asked.apply(np.concatenate([x, 1e-6 * size * normals(30, 4)[:, 3:]], axis=1))
    basis = asked._right
    assert basis.shape == (30, 4)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-14)


def test_a_question_of_nothing_reveals_nothing() -> None:
    asked, x = field(), normals(30, 3)
    np.testing.assert_array_equal(asked.apply(np.zeros((30, 2))), 0.0)
    np.testing.assert_array_equal(asked.apply(x), field().apply(x))


def test_a_summary_has_the_standard_error_of_a_mean() -> None:
    """Of 1, 2 and 6: mean 3, variance 14 / 2, and a third of it for the mean."""
    found = _summary([np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([6.0, 0.0])])
    np.testing.assert_allclose(found.mean, [3.0, 0.0])
    np.testing.assert_allclose(found.error, [math.sqrt(7 / 3), 0.0])


def test_a_simulation_summarizes_independent_systems_that_share_the_particles() -> None:
    relu = architecture(Activation.RELU)
    found = simulate(relu, GRAM, LABELS, 2, RATE, False, 2, particles=20, systems=3, seed=7)
    runs = [
        _System(relu, GRAM, LABELS, RATE, False, 2, 6, child).run(2)
        for child in np.random.SeedSequence(7).spawn(3)
    ]
    summaries = (
        found.outputs,
        found.stream,
        found.gradients,
        found.stream_change,
        found.kurtosis,
    )
    shapes = [(3, 2), (3, 3, 2, 2), (2, 3, 2, 2), (3, 2), (3, 2)]
    for summary, shape, parts in zip(summaries, shapes, zip(*runs, strict=True), strict=True):
        assert summary.mean.shape == summary.error.shape == shape
        np.testing.assert_array_equal(summary.mean, np.mean(parts, axis=0))
    assert found.outputs.error.min() > 0


def test_one_system_shows_no_particle_error_and_two_do() -> None:
    relu = architecture(Activation.RELU)
    with pytest.raises(DomainError, match="1 systems: at least two"):
        simulate(relu, GRAM, LABELS, 1, RATE, True, 1, particles=8, systems=1)
    assert simulate(
        relu, GRAM, LABELS, 1, RATE, True, 1, particles=8, systems=2
    ).outputs.error.all()


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (3, 2), (3, 3), (1, 1)])
def test_inputs_must_be_a_gram_matrix_of_as_many_as_there_are_labels(
    rows: int, columns: int
) -> None:
    with pytest.raises(DomainError, match="for 2 labels: expected"):
        simulate(residual(1), np.ones((rows, columns)), LABELS, 1, RATE, True)


def test_defaults_of_a_simulation_are_those_that_its_documentation_shows() -> None:
    """Who leaves them out gets the same particles tomorrow."""
    parameters = inspect.signature(simulate).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    assert defaults == {"depth": 64, "particles": 20_000, "systems": 4, "seed": 0}


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is asked of ``simulate``, which answers with other numbers at every place."""
    asked: list[dict[str, Any]] = []

    def answer(*arguments: Any, **options: Any) -> SimpleNamespace:
        bound = inspect.signature(simulate).bind(*arguments, **options)
        bound.apply_defaults()
        asked.append(bound.arguments)
        steps, depth = bound.arguments["steps"] + 1, bound.arguments["depth"] + 1

        def summary(offset: int, *shape: int) -> Summary:
            values = offset + np.arange(math.prod(shape), dtype=float).reshape(shape)
            return Summary(values, -values)

        return SimpleNamespace(
            outputs=summary(100, steps, 1),
            stream=summary(200, steps, depth, 1, 1),
            kurtosis=summary(300, steps, 1),
        )

    monkeypatch.setattr(feature_dynamics, "simulate", answer)
    monkeypatch.setattr(feature_dynamics, "_fitted", feature_dynamics._fitted.__wrapped__)
    return asked


def fitted(observable: Observable, steps: int) -> float:
    curve = Fitted(observable, steps, Fraction(1, 8), True)
    return curve(residual(1), depth_mup(), Cell(64, 2))


def test_fitted_values_are_of_one_input_with_label_one_at_the_last_depth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stream of two blocks: 3 states before each of 5 steps, the last of which is wanted."""
    asked = recorded(monkeypatch)
    for steps in range(5):
        assert fitted(Observable.FITTED_OUTPUT, steps) == 100 + steps
        assert fitted(Observable.FITTED_SECOND_MOMENT, steps) == 200 + 3 * steps + 2
        assert fitted(Observable.FITTED_KURTOSIS, steps) == 300 + steps
    for each in asked:
        np.testing.assert_array_equal(each["inputs"], [[1.0]])
        np.testing.assert_array_equal(each["labels"], [1.0])
        assert (each["rate"], each["reused"], each["depth"]) == (0.125, True, 2)


def test_the_particles_of_predicted_values_and_their_seed_are_fixed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The catalogue's curves are made of them: others would move what is predicted."""
    asked = recorded(monkeypatch)
    fitted(Observable.FITTED_OUTPUT, 1)
    assert [asked[0][name] for name in ("particles", "systems", "seed")] == [120_000, 4, 0]


def test_a_run_is_of_four_steps_or_of_more_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One run for the values after one, two and four steps."""
    asked = recorded(monkeypatch)
    for steps in (1, 2, 4, 5):
        fitted(Observable.FITTED_OUTPUT, steps)
    assert [each["steps"] for each in asked] == [4, 4, 4, 5]


def test_predicted_values_are_those_of_a_small_simulation_within_its_error() -> None:
    """The error of 120 000 particles is a fifth of that of 4800."""
    one = np.ones((1, 1))
    found = simulate(residual(1), one, one[0], 2, 0.125, True, 2, particles=4800)
    for observable, summary in (
        (Observable.FITTED_OUTPUT, found.outputs),
        (Observable.FITTED_KURTOSIS, found.kurtosis),
    ):
        value = fitted(observable, 2)
        assert abs(summary.mean[2, 0] - value) < 6 * summary.error[2, 0] + 0.005
