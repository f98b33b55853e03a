"""Networks of the batched engine against plain loops, and the symmetry of conventions."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from probes.network import Network, WeightKey
from probes.trials import run_group
from tests.experiments import EXPERIMENTS, REFERENCE, small
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Convergence,
    Coupling,
    Experiment,
    Family,
    Normalization,
    Observable,
    Optimizer,
    Parameterization,
    Power,
    Role,
    Setting,
    Training,
    am_mup,
    completep,
    depth_mup,
    depth_mup_corrected,
    mean_field,
    mup,
    ntk,
    residual,
    residual_he,
    standard,
)
from theory.exact.gaussian import MOMENTS

CPU = torch.device("cpu")
_PRESET_FUNCTIONS = (
    standard,
    ntk,
    mup,
    depth_mup,
    depth_mup_corrected,
    completep,
    residual_he,
    am_mup,
)
PRESETS = tuple(
    preset(optimizer=optimizer) for optimizer in Optimizer for preset in _PRESET_FUNCTIONS
)

architectures = st.one_of(
    st.builds(
        Architecture,
        st.just(Family.RESIDUAL),
        st.sampled_from(Activation),
        st.sampled_from([1, 2, 3, 4]),
        st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(3)]),
        st.sampled_from(BlockForm),
    ),
    st.builds(
        Architecture,
        st.just(Family.CHAIN),
        st.sampled_from(Activation),
        variance_factor=st.sampled_from([Fraction(1), Fraction(2)]),
    ),
    st.builds(
        Architecture,
        st.just(Family.RESIDUAL),
        st.sampled_from(Activation),
        st.sampled_from([2, 3]),
        stream_width=st.sampled_from([1, 5]),
    ),
    st.builds(
        residual,
        st.sampled_from([1, 2, 3]),
        st.sampled_from(Activation),
        normalization=st.just(Normalization.RMS),
    ),
)
parameterizations = st.sampled_from(PRESETS)
# Steps of Lion and Muon jump where a gradient is rounding: they are held against their definitions
# in tests of their own.
trained = parameterizations.filter(lambda p: p.optimizer in (Optimizer.SGD, Optimizer.ADAM))
cells = st.builds(Cell, st.integers(2, 9), st.integers(1, 5))


def seen(network: Network, stream: np.ndarray) -> np.ndarray:
    """What enters blocks and readout: the stream, or the stream over its root mean square."""
    size = math.sqrt((stream**2).sum() / len(stream)) if network.architecture.normalized else 1.0
    divided: np.ndarray = stream / size
    return divided


def written_out(
    network: Network, weights: dict[WeightKey, np.ndarray], x: np.ndarray
) -> np.ndarray:
    """f of one replicate and one input: the formulas of the papers, a matrix at a time."""
    phi = MOMENTS[network.architecture.activation].value

    def times(vector: np.ndarray, role: Role, block: int = 0, layer: int = 0) -> np.ndarray:
        product: np.ndarray = weights[WeightKey(role, block, layer)] @ vector
        return network.multiplier(role) * product

    state = times(x, Role.INPUT)
    m = network.architecture.layers_per_block
    for block in range(1, network.cell.depth + 1):
        if network.architecture.family is Family.CHAIN:
            if block > 1:
                state = times(phi(state), Role.HIDDEN, block, 1)
            continue
        post = network.architecture.form is not BlockForm.PRE_ACTIVATION
        u = phi(seen(network, state)) if m == 1 and not post else seen(network, state)
        for layer in range(1, m):
            role = Role.BRANCH_FIRST if layer == 1 else Role.BRANCH_INNER
            u = phi(times(u, role, block, layer))
        branch = times(u, Role.BRANCH_LAST, block, m)
        if post:
            horizon = float(network.architecture.variance_factor)
            branch = phi(branch) * math.sqrt(horizon)
            branch *= network.parameterization.residual_multiplier(network.cell)
        if network.architecture.form is BlockForm.POST_ACTIVATION_CENTRED:
            branch = branch - branch.sum() / len(branch)
        state = state + branch
    if network.architecture.family is Family.CHAIN:
        state = phi(state)
    return times(seen(network, state), Role.OUTPUT)


@given(architectures, parameterizations, cells, st.integers(0, 2**32))
@settings(max_examples=40)
def test_batched_forward_is_the_written_out_formula(
    architecture: Architecture, parameterization: Parameterization, cell: Cell, seed: int
) -> None:
    network = Network(architecture, parameterization, cell, inputs=3, outputs=2)
    weights = network.initial_weights(seed, [0, 1], CPU, torch.float64)
    inputs = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    output = network.forward(weights, inputs).output.detach().numpy()
    for replicate in range(2):
        single = {key: weight[replicate].detach().numpy() for key, weight in weights.items()}
        for example in range(4):
            expected = written_out(network, single, inputs[replicate, example].numpy())
            np.testing.assert_allclose(output[replicate, example], expected, rtol=1e-12, atol=1e-14)


small_powers = st.builds(
    Power, *[st.fractions(-1, 1, max_denominator=4) for _ in ("width", "depth")]
)


@given(
    architectures,
    trained,  # tests of parts have all optimizers
    cells,
    st.sampled_from(EXPERIMENTS),
    st.fixed_dictionaries(dict.fromkeys(Role, small_powers)),
)
@settings(max_examples=40)
def test_moving_scales_into_the_weights_changes_nothing(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    kind: type[Experiment],
    factors: dict[Role, Power],
) -> None:
    """The abc-symmetry: one network, two conventions, equal to rounding through training."""
    blocks = architecture.family is Family.RESIDUAL and not architecture.ends_with_activation
    blocks = blocks and not architecture.normalized
    assume(kind is not Coupling or (blocks and architecture.layers_per_block <= 2))
    converging = kind is Convergence
    assume(not converging or architecture.stream_width is not None)
    assume(not converging or cell != REFERENCE)  # what is no distance at all has no relative error
    experiment = small(kind)
    results = [
        run_group(Setting(architecture, variant, experiment), cell, 5, [0, 1], CPU, torch.float64)
        for variant in (
            parameterization,
            parameterization.in_variance_convention(),
            parameterization.in_multiplier_convention(),
            parameterization.moved(factors, "moved by random powers"),
        )
    ]
    for observable, values in results[0].items():
        for moved in results[1:]:
            # In a network so narrow that earlier queries determine all of it, what they do not
            # determine is rounding, and has no relative error.
            np.testing.assert_allclose(values, moved[observable], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", Optimizer)
def test_what_a_step_takes_of_a_weight_moves_with_its_scale(optimizer: Optimizer) -> None:
    """With weight decay by role; a decay that stays where scales move breaks the symmetry."""
    base = completep(optimizer=optimizer)
    decaying = {
        role: replace(item, decay=Power(width="1/4", depth="-1/2")) for role, item in base.roles
    }
    said = base.changed("with decay", decaying)
    experiment = Training(batch=4, steps=3, rate=Fraction(1, 50), weight_decay=Fraction(1, 5))

    def trained(parameterization: Parameterization) -> float:
        setting = Setting(residual(2), parameterization, experiment)
        measured = run_group(setting, Cell(8, 3), 5, [0], CPU, torch.float64)
        return float(measured[Observable.TRAINED_STREAM_CHANGE][0])

    moved = said.in_variance_convention()
    assert trained(moved) == pytest.approx(trained(said), rel=1e-9)
    assert trained(said.in_multiplier_convention()) == pytest.approx(trained(said), rel=1e-9)
    unmoved = moved.changed(
        "decay unmoved", {role: replace(moved[role], decay=said[role].decay) for role in decaying}
    )
    assert trained(unmoved) != pytest.approx(trained(said), rel=1e-6)


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("preset", [p for p in (*_PRESET_FUNCTIONS, mean_field) if p != standard])
def test_at_its_base_every_preset_is_the_standard_network(
    preset: Callable[..., Parameterization], optimizer: Optimizer
) -> None:
    base = Cell(8, 4)
    experiment = Training(batch=4, steps=3, rate=Fraction(1, 50))
    architecture = Architecture(Family.RESIDUAL, layers_per_block=2)

    def trained(parameterization: Parameterization, cell: Cell) -> float:
        setting = Setting(architecture, parameterization, experiment)
        measured = run_group(setting, cell, 5, [0], CPU, torch.float64)
        return float(measured[Observable.TRAINED_STREAM_CHANGE][0])

    scaled = preset(optimizer=optimizer).from_base(base)
    assert trained(scaled, base) == pytest.approx(trained(standard(optimizer), base), rel=1e-9)
    larger = Cell(16, 8)
    assert trained(scaled, larger) != pytest.approx(trained(standard(optimizer), larger), rel=1e-3)


@pytest.mark.parametrize("role", [Role.INPUT, Role.HIDDEN, Role.OUTPUT])
def test_initial_scales_are_those_of_the_preset(role: Role) -> None:
    cell = Cell(128, 4)
    network = Network(Architecture(Family.CHAIN), am_mup(), cell, inputs=32, outputs=4)
    weights = network.initial_weights(0, range(16), CPU)
    drawn = torch.cat([w.flatten() for key, w in weights.items() if key.role is role])
    expected = am_mup().std(role, cell)
    # Sixteen replicates of at least 512 entries: four standard errors of a standard deviation.
    assert drawn.std().item() == pytest.approx(expected, rel=4 / np.sqrt(2 * len(drawn)))
    assert abs(drawn.mean().item()) < 4 * expected / np.sqrt(len(drawn))
