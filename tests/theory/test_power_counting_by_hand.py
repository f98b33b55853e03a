"""Exponents of depth written out in a, b, c: multiplier L^-a, initial std L^-b, rate L^-c.

The sums are those of the design's section 3, for any number of layers in a block; muP in width.
"""

from dataclasses import replace
from fractions import Fraction

import pytest

from theory import (
    Activation,
    Architecture,
    Axis,
    BlockForm,
    Convolution,
    Normalization,
    Optimizer,
    Padding,
    Parameterization,
    Power,
    Role,
    chain,
    count_powers,
    diagnose,
    mup,
    residual,
    transformer,
)
from theory.power_counting import Layer, PowerCount, fastest
from theory.scaling import ONE

HALF = Fraction(1, 2)
ALPHA = Fraction(3, 4)
ROLES = (Role.BRANCH_FIRST, Role.BRANCH_INNER, Role.BRANCH_LAST)
A = dict(zip(ROLES, (Fraction(1, 8), Fraction(-1, 3), Fraction(1, 5)), strict=True))
B = dict(zip(ROLES, (Fraction(1, 16), Fraction(1, 7), Fraction(-1, 9)), strict=True))
C = dict(zip(ROLES, (Fraction(-1, 11), Fraction(1, 13), Fraction(2, 17)), strict=True))


def deep(optimizer: Optimizer) -> Parameterization:
    """MuP in width, with exponents of depth that no two roles share."""
    base = mup(optimizer)
    roles = {
        role: replace(
            base[role],
            multiplier=base[role].multiplier * Power(depth=-A[role]),
            std=base[role].std * Power(depth=-B[role]),
            rate=base[role].rate * Power(depth=-C[role]),
        )
        for role in ROLES
    }
    return base.changed("deep", roles, Power(depth=-ALPHA))


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_exponents_of_blocks_are_the_sums_of_the_design(layers: int, optimizer: Optimizer) -> None:
    network = residual(layers)
    count = count_powers(network, deep(optimizer))
    roles = network.branch_roles
    beta = [A[role] + B[role] for role in roles]
    assert count.branch.depth == -(ALPHA + sum(beta))
    assert count.accumulated.depth == HALF - (ALPHA + sum(beta))
    for i, role in enumerate(roles):
        layer, others, before = Layer(role, i + 1), sum(beta) - beta[i], sum(beta[:i])
        if optimizer.is_linear:
            own = -(ALPHA + 2 * A[role] + C[role] + others + before)
            stream = 1 - (2 * ALPHA + 2 * A[role] + C[role] + 2 * others)
        else:
            own = -(A[role] + C[role] + before)
            stream = 1 - (ALPHA + A[role] + C[role] + others)
        assert count.own_change[layer].depth == own
        assert count.stream_change[layer].depth == stream
        assert count.output_change[layer].depth == stream  # n readout is of order one
        # multiplier x what comes back x what enters
        assert count.gradient[layer].depth == -(A[role] + ALPHA + others)
    assert {power.width for power in count.stream_change.values()} == {0}
    assert {power.width for power in count.own_change.values()} == {0}
    assert count.size == ONE
    assert count.stream_gradient == ONE


@pytest.mark.parametrize("optimizer", Optimizer)
def test_changes_in_chains_spread_over_directions(optimizer: Optimizer) -> None:
    """L layers move the stream by L^3/2 and the output by L; the input's weights by L^1/2 and 1."""
    count = count_powers(chain(), mup(optimizer))
    hidden, first, last = Layer(Role.HIDDEN, 1), Layer(Role.INPUT), Layer(Role.OUTPUT)
    assert count.branch == ONE == count.accumulated
    assert count.stream_change[hidden] == Power(depth="3/2")
    assert count.output_change[hidden] == Power(depth=1)
    assert count.stream_change[first] == Power(depth="1/2")
    assert count.output_change[first] == ONE == count.output_change[last]
    assert last not in count.stream_change
    assert count.largest_stable_rate == Power(depth="-3/2")


def test_entries_of_gradients_in_width() -> None:
    """MuP: n^-1/2 for W = N(0, 1) times n^-1/2 meets g of size 1/n; the ends g and h alone."""
    count = count_powers(residual(1), mup())
    base = mup()
    block = Layer(Role.BRANCH_LAST, 1)
    assert count.gradient[block] == base[Role.BRANCH_LAST].multiplier * Power(width=-1)
    assert count.gradient[Layer(Role.INPUT)] == base[Role.INPUT].multiplier * Power(width=-1)
    assert count.gradient[Layer(Role.OUTPUT)] == base[Role.OUTPUT].multiplier


@pytest.mark.parametrize("optimizer", Optimizer)
def test_queries_and_keys_answer_by_each_other(optimizer: Optimizer) -> None:
    """A key of scale n^-1/2 L^-1/3 makes logits and gradients of queries L^-1/3 as large.

    Sums over n products that are independent at first are n^1/2 large, not n: under SGD own changes
    lose n^1/2, the output n, the stream n^1/2; Adam's steps are of the usual size.
    """
    base = mup(optimizer)
    slow = replace(base[Role.KEY], std=base[Role.KEY].std * Power(depth="-1/3"))
    count = count_powers(transformer(), base.changed("slow keys", {Role.KEY: slow}))
    query, key = Layer(Role.QUERY, 1), Layer(Role.KEY, 1)
    third = Fraction(1, 3)
    # Without a residual factor the stream is L^1/2 large, and readouts see 1 / L^1/2 of it.
    size = count.size.depth
    assert size == HALF
    if optimizer.is_linear:
        assert count.own_change[query] == Power("-1/2", -third - size)
        assert count.own_change[key] == Power("-1/2", -size)
        assert count.stream_change[query] == Power("-1/2", HALF - 2 * third - size)
        assert count.output_change[query] == Power(-1, 1 - 2 * third - 2 * size)
    else:
        assert count.own_change[query] == ONE == count.own_change[key]
        assert count.stream_change[query] == Power(0, HALF - third)
        assert count.output_change[query] == Power("-1/2", 1 - third - size)
    assert count.stream_change[key] == count.own_change[key] * Power(depth=HALF)
    # multiplier n^-1/2 x readout 1/(n size) x the other's scale x n^-1/2
    assert count.gradient[query] == Power(-2, -third - size)
    assert count.gradient[key] == Power(-2, -size)


def test_the_fastest_of_several_is_taken_in_each_direction() -> None:
    assert fastest([Power(1, -2), Power(-3, 4), Power(0, 0)]) == Power(1, 4)


@pytest.mark.parametrize(
    ("alpha", "initially", "trained", "nontrivial"),
    [
        ("1/4", False, False, True),
        ("1/2", True, True, True),
        ("3/4", True, True, False),
    ],
)
def test_blocks_are_stable_from_one_half_on_and_lazy_beyond(
    alpha: str, initially: bool, trained: bool, nontrivial: bool
) -> None:
    """SGD at rates without depth: branches go as -alpha, changes of the stream as 1 - 2 alpha."""
    count = count_powers(residual(1), replace(mup(), residual=Power(depth=-Fraction(alpha))))
    assert count.stable_at_initialization(Axis.DEPTH) is initially
    assert count.stable_in_training(Axis.DEPTH) is trained
    assert count.nontrivial(Axis.DEPTH) is nontrivial
    assert count.stable_in_training(Axis.WIDTH)


def test_branches_with_a_mean_add_up_coherently_and_smooth_ones_squared() -> None:
    """h + L^-3/4 phi(L^-b u): 1 - 3/4 - b where phi is homogeneous, 1 - 3/4 - 2b where smooth.

    A signal that grows, b < 0, is in the linear range of a smooth phi too.
    """

    def accumulated(activation: Activation, b: str) -> Fraction:
        base = mup()
        last = replace(base[Role.BRANCH_LAST], std=base[Role.BRANCH_LAST].std * Power(depth=b))
        network = residual(1, activation, BlockForm.POST_ACTIVATION)
        rule = base.changed("small", {Role.BRANCH_LAST: last}, Power(depth="-3/4"))
        return count_powers(network, rule).accumulated.depth

    assert accumulated(Activation.RELU, "-1/8") == Fraction(1, 8)
    assert accumulated(Activation.GELU, "-1/8") == 0
    assert accumulated(Activation.GELU, "1/8") == Fraction(3, 8)
    assert accumulated(Activation.GELU, "-1/2") == Fraction(-3, 4)  # the walk, 1/2 - 3/4 - 1/2
    assert accumulated(Activation.TANH, "-1/8") == HALF - Fraction(3, 4) - Fraction(1, 8)


@pytest.mark.parametrize("optimizer", Optimizer)
def test_normalized_streams_divide_what_the_input_put_in(optimizer: Optimizer) -> None:
    """An input of size L^-1/8 and branches of L^-5/16: the stream ends at L^3/16, 5/16 above it.

    A change of the input arrives L^5/16 as large, the readout divides by L^3/16, and the gradient
    at the input is one over what the input put in.
    """
    base = mup(optimizer)
    roles = {
        Role.INPUT: replace(base[Role.INPUT], std=Power(depth="-1/8")),
        Role.BRANCH_LAST: replace(base[Role.BRANCH_LAST], std=Power(depth="-1/16")),
    }
    network = residual(1, normalization=Normalization.RMS)
    count = count_powers(network, base.changed("small", roles, Power(depth="-1/4")))
    first, last = Layer(Role.INPUT), Layer(Role.OUTPUT)
    assert count.size == count.accumulated == Power(depth="3/16")
    assert count.stream_gradient == Power(depth="1/8")
    assert count.gradient[first] == Power(-1, "1/8")
    assert count.gradient[last] == Power(-1)
    own = Power(depth="1/8") if optimizer.is_linear else ONE
    assert count.own_change[first] == own
    assert count.stream_change[first] == own * Power(depth="5/16")
    assert count.output_change[first] == own * Power(depth="1/8")
    assert count.own_change[last] == ONE == count.output_change[last]


@pytest.mark.parametrize(
    ("factor", "activation", "changes", "critical"),
    [
        (2, Activation.RELU, {}, True),
        ("20000/10001", Activation.LEAKY_RELU, {}, True),
        (2, Activation.LEAKY_RELU, {}, False),
        (2, Activation.RELU, {"dropout": Fraction(1, 2)}, False),
        (1, Activation.RELU, {"dropout": Fraction(1, 2)}, True),
        (2, Activation.TANH, {}, False),
        (2, Activation.RELU, {"normalization": Normalization.BATCH}, False),
        (2, Activation.RELU, {"convolution": Convolution(side=4)}, True),
        (2, Activation.RELU, {"convolution": Convolution(side=4, padding=Padding.ZERO)}, False),
    ],
)
def test_a_chain_is_critical_where_layers_keep_the_size_of_every_signal(
    factor: int | str, activation: Activation, changes: dict[str, object], critical: bool
) -> None:
    """C (left^2 + right^2) / 2 = 1 - dropout, of homogeneous activations that lose nothing."""
    network: Architecture = replace(chain(factor, activation), **changes)  # type: ignore[arg-type]
    assert count_powers(network, mup()).critical is critical


def test_where_a_scale_lives_changes_the_entries_of_gradients_alone() -> None:
    """Multiplier times L, std over L, rate over L^2: the same network, gradients L as large."""
    base = mup()
    item, by_depth = base[Role.BRANCH_LAST], Power(depth=1)
    moved = replace(
        item,
        multiplier=item.multiplier * by_depth,
        std=item.std / by_depth,
        rate=item.rate / by_depth / by_depth,
        epsilon=item.epsilon * by_depth,
    )
    count = count_powers(residual(1), base)
    other = count_powers(residual(1), base.changed("moved", {Role.BRANCH_LAST: moved}))
    block = Layer(Role.BRANCH_LAST, 1)
    assert other.gradient[block] == count.gradient[block] * by_depth
    assert other == count


def with_rate(alpha: str, role: Role, rate: str) -> Parameterization:
    """MuP with branches of L^-alpha and the SGD rate of one role times L^rate."""
    base = mup()
    item = replace(base[role], rate=base[role].rate * Power(depth=rate))
    return base.changed("other rate", {role: item}, Power(depth=-Fraction(alpha)))


def test_training_is_stable_where_signals_are_and_no_change_grows() -> None:
    """Changes go as 1 - 2 alpha + rate: 1/2 and 0 here."""
    fast = count_powers(residual(1), with_rate("1/2", Role.BRANCH_LAST, "1/2"))
    assert fast.total_stream_change.depth == HALF
    assert fast.stable_at_initialization(Axis.DEPTH)
    assert not fast.stable_in_training(Axis.DEPTH)
    slow = count_powers(residual(1), with_rate("1/4", Role.BRANCH_LAST, "-1/2"))
    assert slow.total_stream_change == ONE
    assert not slow.stable_at_initialization(Axis.DEPTH)
    assert not slow.stable_in_training(Axis.DEPTH)


def test_blocks_move_the_stream_as_the_fastest_of_their_layers_does() -> None:
    """The last layers are L^1/2 slower than the first, which go as 1 - 2 alpha: 0, then -1."""
    first = Layer(Role.BRANCH_FIRST, 1)
    moving = count_powers(residual(2), with_rate("1/2", Role.BRANCH_LAST, "-1/2"))
    assert moving.nontrivial(Axis.DEPTH)
    lazy = diagnose(residual(2), with_rate("1", Role.BRANCH_LAST, "-1/2"))
    (led,) = [problem for problem in lazy if "led by" in problem.quantity]
    assert (led.layer, led.axis, led.exponent) == (first, Axis.DEPTH, Fraction(-1))


def small_input(network: Architecture, alpha: str) -> PowerCount:
    """Counts of branches of L^-alpha on an input of L^-1/8."""
    base = mup()
    item = replace(base[Role.INPUT], std=Power(depth="-1/8"))
    rule = base.changed("small", {Role.INPUT: item}, Power(depth=-Fraction(alpha)))
    return count_powers(network, rule)


def test_the_readout_meets_the_stream_where_nothing_divides_it() -> None:
    last = Layer(Role.OUTPUT)
    assert last.place == 0
    assert small_input(residual(1), "1/2").gradient[last] == Power(-1, "-1/8")


def test_gradients_that_grow_alone_are_unstable() -> None:
    """Branches of L^-5/8 keep a normalized stream at L^-1/8, and gradients grow as L^1/8."""
    count = small_input(residual(1, normalization=Normalization.RMS), "5/8")
    assert count.accumulated.depth == Fraction(-1, 8)
    assert count.stream_gradient.depth == Fraction(1, 8)
    assert not count.stable_at_initialization(Axis.DEPTH)
    assert count.stable_at_initialization(Axis.WIDTH)


def test_training_is_unstable_where_the_stream_alone_moves_more_with_depth() -> None:
    """A chain at rates over L changes its output by order one, and its stream by L^1/2."""
    base = mup()
    item = base[Role.HIDDEN]
    slow = {Role.HIDDEN: replace(item, rate=item.rate * Power(depth=-1))}
    count = count_powers(chain(), base.changed("slow", slow))
    assert count.stable_at_initialization(Axis.DEPTH)
    assert (count.total_stream_change, count.total_output_change) == (Power(depth="1/2"), ONE)
    assert not count.stable_in_training(Axis.DEPTH)
