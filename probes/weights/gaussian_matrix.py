"""Gaussian matrices that are revealed only where they are asked. Imports torch and numpy.

A matrix W with independent N(0, 1) entries that is only ever multiplied by a few vectors need not
exist. Known are W D = A for orthonormal right queries D, and W^T E = C for orthonormal left queries
E. Given those, and however the queries were chosen,

    W = A D^T + E C^T (I - D D^T) + (I - E E^T) Z (I - D D^T),    Z fresh, like W,

so that the answer to a new query x = D a + x', x' orthogonal to D, is

    W x = A a + E C^T x' + |x'| (I - E E^T) z,    z ~ N(0, I) fresh.

The law is that of a full matrix, exactly, at every size. The first two terms are determined by
earlier queries: the coupling that mean-field theories of backpropagation neglect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from probes.randomness import NormalStream
from theory.arrays import BoolArray, FloatArray
from theory.errors import InputError

# A direction is new when it stands out of the span of earlier queries by this many roundings.
ROUNDINGS = 64
# More than this part of every query was left: one round of Gram-Schmidt is enough.
UNCANCELLED = 0.25
# Least diagonal entry of a Cholesky factor of unit vectors that leaves all but a few digits.
WELL_CONDITIONED = 0.01


class ConditionedProduct(NamedTuple):
    """An answer, and the part of it that earlier queries determine."""

    total: Tensor
    coupled: Tensor

    @property
    def fresh(self) -> Tensor:
        """The part that is new."""
        return self.total - self.coupled


class _Parts(NamedTuple):
    """Rows (R, B, n) as known @ directions + rest, the products of rest, the sizes of the rows."""

    known: Tensor
    rest: Tensor
    gram: FloatArray
    scale: FloatArray

    def are_in_range(self) -> bool:
        """No square of an entry that matters was too small or too large for its precision."""
        precision = torch.finfo(self.rest.dtype)
        smallest = precision.tiny**0.5 / precision.eps
        return bool(((self.scale > smallest) & np.isfinite(self.scale)).all())


class _Answers:
    """What was asked from one side: orthonormal rows (R, k, asked), images (R, k, answered).

    A direction that is new to some matrices of the stack only is a row of zeros in the others.
    """

    def __init__(self, directions: Tensor, images: Tensor) -> None:
        self.directions, self.images = directions, images

    def split(self, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, BoolArray]:
        """``queries`` = known @ directions + coefficients @ new, and which rows of new are new.

        Block Gram-Schmidt, repeated where much was cancelled: after a second round the new rows are
        orthogonal to rounding, however small a part of the queries they are (twice is enough;
        Giraud, Langou and Rozloznik 2005). A row that shrinks again was rounding.
        """
        parts = self._parts(queries)
        if parts.are_in_range():
            return self._split(parts)
        # Squares of what is almost too large or too small for float32 must not count as 0 or inf.
        largest = queries.abs().amax(-1, keepdim=True)
        largest = torch.where((largest > 0) & largest.isfinite(), largest, torch.ones_like(largest))
        known, coefficients, new, is_new = self._split(self._parts(queries / largest))
        return known * largest, coefficients * largest, new, is_new

    def _split(self, parts: _Parts) -> tuple[Tensor, Tensor, Tensor, BoolArray]:
        known, scale = parts.known, parts.scale
        smallest = ROUNDINGS * torch.finfo(known.dtype).eps
        new, coefficients, left = _orthonormal_rows(parts.rest, parts.gram, smallest * scale)
        is_new = left != 0  # nan is new
        if not bool((left > UNCANCELLED * scale)[is_new].all()):
            again, rest = self.without_known(new)
            known = torch.baddbmm(known, coefficients, again)
            limit = np.where(is_new, UNCANCELLED, np.inf)
            new, correction, left = _orthonormal_rows(rest, _gram(rest), limit)
            # A row that is dropped now may still have a part along the others.
            lost = torch.baddbmm(rest, correction, new, alpha=-1)
            correction = torch.baddbmm(correction, lost, new.mT)
            coefficients = torch.bmm(coefficients, correction)
            is_new = left != 0
        return known, coefficients, new, is_new

    def _parts(self, queries: Tensor) -> _Parts:
        known, rest = self.without_known(queries)
        gram = _gram(rest)
        squares = np.diagonal(gram, axis1=1, axis2=2)
        if known.shape[2]:
            with np.errstate(over="ignore"):  # such a scale is not in range
                squares = squares + np.square(_small(known)).sum(-1)
        return _Parts(known, rest, gram, np.sqrt(squares))

    def without_known(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Components along the directions, and what is orthogonal to them."""
        if not self.directions.shape[1]:
            return rows.new_empty(*rows.shape[:2], 0), rows
        known = torch.bmm(rows, self.directions.mT)
        return known, torch.baddbmm(rows, known, self.directions, alpha=-1)

    def add(self, directions: Tensor, images: Tensor, is_new: BoolArray) -> None:
        """Remember directions, but those that are new to no matrix of the stack."""
        if not is_new.all():
            used = torch.from_numpy(is_new.any(0)).to(images.device)
            directions, images = directions[:, used], images[:, used]
        if self.directions.shape[1]:
            directions = torch.cat([self.directions, directions], 1)
            images = torch.cat([self.images, images], 1)
        self.directions, self.images = directions, images


def _small(tensor: Tensor) -> FloatArray:
    """A small tensor as float64, for numpy."""
    return np.asarray(tensor.numpy(force=True), dtype=np.float64)


def _gram(rows: Tensor) -> FloatArray:
    """The products (R, B, B) of rows (R, B, n)."""
    return _small(torch.bmm(rows, rows.mT))


def _orthonormal_rows(
    rows: Tensor, gram: FloatArray, limit: FloatArray
) -> tuple[Tensor, Tensor, FloatArray]:
    """Orthonormal rows, the triangle by which they give ``rows`` (R, B, n), and what was left.

    What is left of a row is the size (R, B) of its part orthogonal to those before it. Up to
    ``limit`` it counts as 0, and gives a row of zeros. What is small (B x B) is done in float64 by
    numpy, from the products of the rows.
    """
    size: FloatArray = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    kept = np.logical_not(size <= limit)  # nan is kept: it must not pass for a zero
    inverse_size = np.divide(1.0, size, out=np.zeros_like(size), where=kept)
    unit = gram * inverse_size[:, None] * inverse_size[..., None]
    unit[:, range(len(unit[0])), range(len(unit[0]))] = 1.0
    triangle = _cholesky(unit)
    if triangle is None:
        return _one_by_one(rows, limit)
    left = np.diagonal(triangle, axis1=1, axis2=2) * size * kept
    if (left <= limit)[kept].any():
        return _one_by_one(rows, limit)
    to_new = torch.from_numpy(np.linalg.inv(triangle) * inverse_size[:, None]).to(rows)
    coefficients = torch.from_numpy(triangle * (size * kept)[..., None]).to(rows)
    return torch.bmm(to_new, rows), coefficients, left


def _cholesky(gram: FloatArray) -> FloatArray | None:
    """The Cholesky factor of unit vectors' products, or ``None`` if they are nearly dependent."""
    try:
        triangle = np.linalg.cholesky(gram).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return None
    smallest = np.diagonal(triangle, axis1=1, axis2=2).min(initial=1.0)
    return triangle if smallest > WELL_CONDITIONED else None


def _one_by_one(rows: Tensor, limit: FloatArray) -> tuple[Tensor, Tensor, FloatArray]:
    """The same row by row, each projected twice, for rows that are nearly dependent, or nan."""
    new, coefficients = torch.zeros_like(rows), rows.new_zeros(*rows.shape[:2], rows.shape[1])
    smallest = torch.from_numpy(limit).to(rows)
    for row in range(rows.shape[1]):
        rest = rows[:, row : row + 1]
        for _ in range(2 if row else 0):
            part = torch.bmm(rest, new[:, :row].mT)
            rest = torch.baddbmm(rest, part, new[:, :row], alpha=-1)
            coefficients[:, row, :row] += part[:, 0]
        size = torch.linalg.vector_norm(rest[:, 0], dim=-1)
        size = size.masked_fill(size <= smallest[:, row], 0.0)
        coefficients[:, row, row] = size
        new[:, row] = rest[:, 0] / size.masked_fill(size == 0, torch.inf)[:, None]
    return new, coefficients, _small(coefficients.diagonal(dim1=1, dim2=2))


class GaussianMatrix:
    """An n_out x n_in matrix of independent N(0, 1) entries, or a stack of R of them.

    ``seed`` is an integer; or a sequence of R integers, or the stream of R generators from which
    the answers are drawn, for a stack. Vectors are columns: (n, k), or (R, n, k) for a stack. After
    j vectors have been asked, a product with k more costs O(n k (j + k)), and all of it together
    O(n j) memory. Raises ``InputError`` for queries of another shape or dtype.
    """

    def __init__(
        self,
        n_out: int,
        n_in: int,
        seed: int | Sequence[int] | NormalStream,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        self.shape = (n_out, n_in)
        self._is_single = isinstance(seed, int)
        self._normals = _stream(seed)
        self._members: Tensor | None = None  # all of them
        empty = torch.empty(len(self._normals), 0, dtype=dtype, device=device)[..., None]
        self._right = _Answers(empty.expand(-1, 0, n_in), empty.expand(-1, 0, n_out))
        self._left = _Answers(empty.expand(-1, 0, n_out), empty.expand(-1, 0, n_in))
        self._revealed: Tensor | None = None

    def matmul(self, x: Tensor) -> ConditionedProduct:
        """W x for x of shape ([R,] n_in, k): two parts of shape ([R,] n_out, k)."""
        return self._ask(x, self._right, self._left, transposed=False)

    def rmatmul(self, g: Tensor) -> ConditionedProduct:
        """W^T g for g of shape ([R,] n_out, k): two parts of shape ([R,] n_in, k)."""
        return self._ask(g, self._left, self._right, transposed=True)

    def materialise(self) -> Tensor:
        """A full matrix ([R,] n_out, n_in) that gives every answer given so far, and all to come.

        Costs what a full matrix costs; from then on, everything is determined.
        """
        if self._revealed is None:
            right, left = self._right, self._left
            outside = self._fresh(*self.shape)
            outside = outside - left.directions.mT @ (left.directions @ outside)
            outside -= (outside @ right.directions.mT) @ right.directions
            # Of the answers to right queries, what left queries say as well is taken once.
            images = right.images - (right.images @ left.directions.mT) @ left.directions
            outside += images.mT @ right.directions + left.directions.mT @ left.images
            self._revealed = outside
        return self._revealed[0] if self._is_single else self._revealed

    def select(self, members: Tensor) -> None:
        """Go on with some of the stack only; their indices are given."""
        kept = members.cpu()
        self._members = kept if self._members is None else self._members[kept]
        for answers in (self._right, self._left):
            answers.directions = answers.directions[members]
            answers.images = answers.images[members]
        if self._revealed is not None:
            self._revealed = self._revealed[members]

    def _fresh(self, count: int, size: int) -> Tensor:
        drawn = torch.from_numpy(self._normals.draw(count * size))
        if self._members is not None:
            drawn = drawn[self._members]
        # Contiguous: on views with gaps, torch falls back from one batched product to a loop.
        return drawn.to(self._right.images).contiguous().view(-1, count, size)

    def _ask(
        self, x: Tensor, asked: _Answers, other: _Answers, transposed: bool
    ) -> ConditionedProduct:
        size = self.shape[0] if transposed else self.shape[1]
        stack = () if self._is_single else (len(asked.directions),)
        if x.ndim != len(stack) + 2 or x.shape[:-1] != (*stack, size):
            expected = ", ".join(map(str, (*stack, size, "k")))
            raise InputError(f"a query of shape {tuple(x.shape)}: expected ({expected})")
        if x.dtype != asked.images.dtype:
            raise InputError(
                f"a query of {x.dtype} for a matrix of {asked.images.dtype}: convert it, or make "
                "the matrix with its dtype"
            )
        queries = x.mT[None] if self._is_single else x.mT
        if self._revealed is not None:
            answer = queries @ (self._revealed if transposed else self._revealed.mT)
            total, coupled = answer, answer
        else:
            total, coupled = self._reveal(queries, asked, other)
        parts = (part[0] if self._is_single else part for part in (total, coupled))
        return ConditionedProduct(*(part.mT for part in parts))

    def _reveal(self, queries: Tensor, asked: _Answers, other: _Answers) -> tuple[Tensor, Tensor]:
        """Rows in; their answers out, and what of them is coupled. What is answered is remembered.

        As many numbers are drawn as queries are asked, new or not, so that what a matrix of a stack
        answers does not depend on its neighbours.
        """
        with np.errstate(invalid="ignore"):  # of a matrix that has met infinities
            known, coefficients, new, is_new = asked.split(queries)
        _, images = other.without_known(self._fresh(queries.shape[1], asked.images.shape[-1]))
        total = coupled = torch.bmm(known, asked.images)
        if other.directions.shape[1]:
            determined = torch.bmm(torch.bmm(new, other.images.mT), other.directions)
            coupled = torch.baddbmm(coupled, coefficients, determined)
            images = images + determined
        total = torch.baddbmm(total, coefficients, images)
        asked.add(new, images, is_new)
        return total, coupled


def _stream(seed: int | Sequence[int] | NormalStream) -> NormalStream:
    if isinstance(seed, NormalStream):
        return seed
    seeds = [seed] if isinstance(seed, int) else seed
    return NormalStream([np.random.Generator(np.random.SFC64(each)) for each in seeds])
