"""Which network is meant: its family, its activation, and the roles of its weights.

Imports the standard library and ``theory`` only. ``probes.network`` builds what is said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from theory.convolution import Convolution
from theory.errors import InputError
from theory.parts import PLAIN, Parts
from theory.scaling import Cell, Rational, rational, whole


class Role(StrEnum):
    """What a weight does in the network; its scaling depends on nothing else.

    Biases and gains are vectors of n coordinates, the others matrices.
    """

    INPUT = "input"
    HIDDEN = "hidden"
    BRANCH_FIRST = "branch.first"
    BRANCH_GATE = "branch.gate"
    BRANCH_INNER = "branch.inner"
    BRANCH_LAST = "branch.last"
    QUERY = "query"
    KEY = "key"
    OUTPUT = "output"
    BIAS = "bias"
    GAIN = "gain"


class Activation(StrEnum):
    """The nonlinearity phi, applied entry by entry (leaky ReLU with slope 0.01)."""

    IDENTITY = "identity"
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    ABS = "abs"
    TANH = "tanh"
    ERF = "erf"
    GELU = "gelu"
    SILU = "silu"


class Family(StrEnum):
    """Whether layers are composed or added to a stream, and whether inputs are sequences."""

    CHAIN = "chain"
    RESIDUAL = "residual"
    TRANSFORMER = "transformer"


class BlockForm(StrEnum):
    """Where the activation of a residual block stands, and whether the branch is centred.

    A branch that ends with an activation has a mean over coordinates, which adds up coherently over
    blocks unless it is subtracted (the mean subtraction of arXiv 2310.02244) or vanishes by
    symmetry.
    """

    PRE_ACTIVATION = "pre-activation"
    POST_ACTIVATION = "post-activation"
    POST_ACTIVATION_CENTRED = "post-activation, centred"


class Normalization(StrEnum):
    """What signals are divided by, without gains: nothing, or the root of a mean of squares.

    RMS: over the coordinates of one input (RMSNorm). Batch: in each coordinate, over the inputs of
    a batch and their positions, the mean subtracted first; always of the batch at hand.
    """

    NONE = "none"
    RMS = "RMS"
    BATCH = "batch"


# phi(x) = (left or right slope) x: activations without a scale of their own.
HOMOGENEOUS: Mapping[Activation, tuple[Fraction, Fraction]] = {
    Activation.IDENTITY: (Fraction(1), Fraction(1)),
    Activation.RELU: (Fraction(0), Fraction(1)),
    Activation.LEAKY_RELU: (Fraction(1, 100), Fraction(1)),
    Activation.ABS: (Fraction(-1), Fraction(1)),
}

HEADS = 4  # of attention: a constant, so that a head is as wide as the network is

_ODD = {Activation.IDENTITY, Activation.TANH, Activation.ERF}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A family of networks, one for every cell (n, L).

    With s_w the multiplier of a weight's role, s the residual multiplier and c ``variance_factor``
    (T, the residual horizon, or the c of Var W = c / fan_in in a chain):

    * residual, m = 1:  h_0 = d^-1/2 s_in U x;  h_l = h_{l-1} + sqrt(c) s s_last W_l phi(h_{l-1});
      f = s_out V h_L
    * residual, m >= 2:  u_{l,1} = s_first W_{l,1} h_{l-1};  u_{l,i} = s_inner W_{l,i}
      phi(u_{l,i-1});  h_l = h_{l-1} + sqrt(c) s s_last W_{l,m} phi(u_{l,m-1})
    * post-activation, any m:  u_{l,1} = s_first W_{l,1} h_{l-1} (s_last for m = 1);  the same
      u_{l,i} up to i = m;  h_l = h_{l-1} + sqrt(c) s phi(u_{l,m}), centred: less its mean over
      coordinates
    * chain, L layers:  z_1 = d^-1/2 s_in U x;  z_l = sqrt(c) s_hidden W_l phi(z_{l-1});
      f = s_out V phi(z_L)
    * normalized (pre-norm), residual of pre-activation form:  the same with N(h) for what enters a
      block's first weight (phi(N(h)) for m = 1) and the readout, N(h) = h / rms(h) or the batch's
      normalization; batch-normalized chains have z_l = N(of the product above), z_1 too
    * transformer, on sequences of tokens x_t:  h_0 = d^-1/2 s_in U x;  a block is h + sqrt(c) s
      s_last W_o A(N(h)), then h + sqrt(c) s s_last W_2 phi(s_first W_1 N(h)), in every token;
      f = s_out V (mean over tokens of N(h_L)).  With q, k, v = s_query W_q z, s_key W_k z,
      s_first W_v z, each of ``HEADS`` heads of A(z)_t is sum_s softmax_s(q_t.k_s / d_head) v_s, in
      both directions (1/d_head as arXiv 2203.03466 says; all matrices are n x n)

    With a ``convolution``, inputs have d channels at each position of a grid, states n at each. The
    weights of a chain, of the input and the first of every block see the K positions of a window,
    side by side (n x K n matrices with K^-1/2 in the multiplier: fan_in counts the window); the
    others act on each position alone, which makes a block one of conv + MLP. The readout sees the
    mean over positions (global average pooling), of N(h_L), h_L or phi(z_L).

    ``parts`` are what people add (``theory.parts``): a gate g = W_gate z makes phi(g) * u of a
    branch's u = W_1 z, biases add to a product what its multiplier would multiply, a gain makes
    (1 + s_gain g) N(h) of what enters a
    block; the readout has none of either.

    With ``dropout`` p, every coordinate of an activation that enters a weight of the stack is 0
    with probability p, and 1 / (1 - p) times as large otherwise.

    The constants d^-1/2 and sqrt(c) stand in the multiplier under every parameterization; moving
    them into the weight would rescale a learning rate by a constant and change nothing else.

    With a ``stream_width`` D the stream keeps that width, and the width n of a cell is that of the
    layers inside blocks (the M of arXiv 2509.10167). Multipliers then also have the constants
    D^-1/2 (first layer of a block), D^1/2 (last layer) and D^-1 (output).

    Raises ``InputError`` for a block without a layer, a chain with blocks of some form, c <= 0, a
    c that is a float, normalization elsewhere than in pre-activation blocks (by batch also in
    chains), a transformer that is not as ``transformer`` makes it, a stream width elsewhere than in
    blocks with inner layers, a dropout outside [0, 1), or parts that a family does not have.
    """

    family: Family
    activation: Activation = Activation.RELU
    layers_per_block: int = 1
    variance_factor: Fraction = Fraction(1)
    form: BlockForm = BlockForm.PRE_ACTIVATION
    normalization: Normalization = Normalization.NONE
    stream_width: int | None = None
    convolution: Convolution | None = None
    dropout: Fraction = Fraction(0)
    parts: Parts = PLAIN

    def __post_init__(self) -> None:
        whole("layers per block", self.layers_per_block)
        object.__setattr__(self, "variance_factor", rational(self.variance_factor))
        if self.layers_per_block < 1:
            raise InputError(f"layers per block {self.layers_per_block}: expected at least 1")
        if self.family is Family.CHAIN and self.layers_per_block != 1:
            raise InputError("a chain has no blocks: leave layers_per_block at 1")
        if self.family is Family.CHAIN and self.ends_with_activation:
            raise InputError(f"a chain has no blocks: {self.form} says nothing; leave form out")
        if self.variance_factor <= 0:
            raise InputError(f"variance factor {self.variance_factor}: expected a positive number")
        self._check_normalization()
        branches = (self.normalization, self.layers_per_block, self.convolution)
        if self.family is Family.TRANSFORMER and branches != (Normalization.RMS, 2, None):
            raise InputError(
                "a transformer's branches are normalized and of two layers: use transformer()"
            )
        if self.stream_width is not None:
            self._check_stream_width(self.stream_width)
        object.__setattr__(self, "dropout", rational(self.dropout))
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout {self.dropout}: expected a number from 0 to below 1")
        self._check_parts()

    def _check_parts(self) -> None:
        attends = self.family is Family.TRANSFORMER
        by_size = self.normalization is Normalization.RMS
        two = self.layers_per_block == 2 and not self.ends_with_activation
        takes = {
            "biases": True,
            "gains": self.normalized,
            "gated": two,
            "tied": self.convolution is None,
            "parallel": attends,
            "grouped": attends,
            "post_norm": by_size and (attends or self.layers_per_block >= 2),
        }
        names = self.parts.names
        wrong = [name for name in names if not takes[name]]
        if wrong or (names and (self.stream_width or self.convolution or self.dropout)):
            raise InputError(
                f"{self}: such networks are not built with {', '.join(wrong or names)}; leave it "
                "out (gains need a normalization, gates blocks of two layers, post_norm RMS, "
                "parallel and grouped a transformer)"
            )

    def _check_normalization(self) -> None:
        chain = self.family is Family.CHAIN
        elsewhere = self.ends_with_activation or (chain and self.normalization is Normalization.RMS)
        if self.normalized and elsewhere:
            raise InputError(f"{self}: only pre-activation blocks are normalized; leave it out")

    def _check_stream_width(self, width: int) -> None:
        whole("stream width", width)
        if width < 1:
            raise InputError(f"stream width {width}: expected at least 1")
        plain = self.family is Family.RESIDUAL and not (self.normalized or self.convolution)
        if not plain or self.layers_per_block < 2 or self.ends_with_activation:
            raise InputError(
                f"stream width {width}: expected pre-activation blocks of two or more layers, "
                "whose inner layers have the width of the cell; leave it out for others"
            )

    @property
    def normalized(self) -> bool:
        """Signals are divided by their size."""
        return self.normalization is not Normalization.NONE

    @property
    def has_exact_theory(self) -> bool:
        """Each input is a vector that passes on its own, as in ``theory.exact.propagation``."""
        alone = self.family is not Family.TRANSFORMER and self.convolution is None
        plain = not self.dropout and self.parts == PLAIN
        return alone and self.normalization is not Normalization.BATCH and plain

    @property
    def ends_with_activation(self) -> bool:
        """The last operation of a branch is phi, not a weight."""
        return self.form is not BlockForm.PRE_ACTIVATION

    @property
    def ends_with_weight(self) -> bool:
        """A weight comes last before the readout: its signals are those of the state."""
        chain = self.family is Family.CHAIN
        normalized = (chain and self.normalized) or self.parts.post_norm
        return not (self.ends_with_activation or normalized)

    @property
    def is_one_layer_pre_activation(self) -> bool:
        """Blocks h + W phi(h), in which activations sit on the stream itself."""
        one_layer = self.family is Family.RESIDUAL and self.layers_per_block == 1
        return one_layer and not (self.ends_with_activation or self.normalized)

    @property
    def adds_coherently(self) -> bool:
        """Branches have a mean over coordinates, of the same sign in every block."""
        return self.form is BlockForm.POST_ACTIVATION and self.activation not in _ODD

    @property
    def block_roles(self) -> tuple[Role, ...]:
        """Roles of the weights of one block (one layer, in a chain), in the order of the pass."""
        branch = self.branch_roles
        if self.parts.gated:
            branch = (Role.BRANCH_FIRST, Role.BRANCH_GATE, Role.BRANCH_LAST)
        if self.family is Family.TRANSFORMER:
            return (Role.QUERY, Role.KEY, *self.branch_roles, *branch)
        return branch

    @property
    def matrix_roles(self) -> tuple[Role, ...]:
        """Roles of all matrices, each once, in the order of the pass."""
        return tuple(dict.fromkeys((Role.INPUT, *self.block_roles, Role.OUTPUT)))

    @property
    def roles(self) -> tuple[Role, ...]:
        """Roles of everything that learns, each once: matrices, then vectors."""
        vectors = {Role.BIAS: self.parts.biases, Role.GAIN: self.parts.gains}
        return (*self.matrix_roles, *(role for role, there in vectors.items() if there))

    @property
    def branch_roles(self) -> tuple[Role, ...]:
        """Roles of the weights that a branch passes one by one: values and output, in attention."""
        if self.family is Family.CHAIN:
            return (Role.HIDDEN,)
        inner = (Role.BRANCH_INNER,) * (self.layers_per_block - 2)
        return (Role.BRANCH_FIRST, *inner, Role.BRANCH_LAST)[-self.layers_per_block :]

    def taps(self, role: Role) -> int:
        """How many positions a weight sees side by side."""
        sees = self.convolution is not None and role in (Role.INPUT, self.block_roles[0])
        return self.convolution.taps if self.convolution is not None and sees else 1

    def stream_size(self, cell: Cell) -> int:
        """The width of the stream: n, unless it is fixed."""
        return self.stream_width or cell.width

    def stream_constant(self, role: Role) -> float:
        """What a multiplier has besides its power where the width D of the stream is fixed.

        Signals of order one enter the blocks (D^-1/2), branches are sqrt(D) / M times a sum over M
        inner units (arXiv 2509.10167, complete feature learning), and the output is a mean.
        """
        exponents = {Role.BRANCH_FIRST: -0.5, Role.BRANCH_LAST: 0.5, Role.OUTPUT: -1.0}
        return float((self.stream_width or 1) ** exponents.get(role, 0.0))

    def __str__(self) -> str:
        added = "".join(f", {name.replace('_', '-')}" for name in self.parts.names)
        if self.family is Family.TRANSFORMER:
            return f"transformer{added}, {self.activation}, T = {self.variance_factor}"
        name = "chain" if self.family is Family.CHAIN else f"residual, m = {self.layers_per_block}"
        normalized = {Normalization.RMS: ", normalized", Normalization.BATCH: ", batch-normalized"}
        name += normalized.get(self.normalization, "")
        letter = "c" if self.family is Family.CHAIN else "T"
        form = f", {self.form}" if self.ends_with_activation else ""
        fixed = f", D = {self.stream_width}" if self.stream_width else ""
        seen = f", {self.convolution}" if self.convolution else ""
        dropped = f", dropout {self.dropout}" if self.dropout else ""
        ends = f"{fixed}{seen}{dropped}{added}"
        return f"{name}{form}, {self.activation}, {letter} = {self.variance_factor}{ends}"


def residual(
    layers_per_block: int,
    activation: Activation = Activation.RELU,
    form: BlockForm = BlockForm.PRE_ACTIVATION,
    normalization: Normalization = Normalization.NONE,
) -> Architecture:
    """A residual network with m layers per block and horizon T = 1.

    >>> from scaleproof import residual
    >>> print(residual(2))
    residual, m = 2, relu, T = 1
    """
    return Architecture(
        Family.RESIDUAL, activation, layers_per_block, form=form, normalization=normalization
    )


def transformer(activation: Activation = Activation.RELU) -> Architecture:
    """Pre-norm blocks of attention and a two-layer branch, with horizon T = 1.

    >>> from scaleproof import transformer
    >>> print(transformer())
    transformer, relu, T = 1
    """
    return Architecture(Family.TRANSFORMER, activation, 2, normalization=Normalization.RMS)


def chain(variance_factor: Rational = 2, activation: Activation = Activation.RELU) -> Architecture:
    """A plain MLP with Var W = c / fan_in; c = 2 keeps a ReLU chain critical.

    >>> from scaleproof import chain
    >>> print(chain())
    chain, relu, c = 2
    """
    return Architecture(Family.CHAIN, activation, variance_factor=rational(variance_factor))
