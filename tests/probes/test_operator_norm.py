"""The operator norm that limits changes: against singular values, and what they are of."""

import pytest
import torch

from probes.modules.operations import operator_norm


def matrices() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(96, 64, generator=generator)
    return {
        "noise": noise,
        "signs": noise.sign(),
        "one direction": torch.outer(noise[:, 0], noise[0]),
        "orthogonal": torch.linalg.qr(noise).Q,
        "half": noise.half(),
    }


@pytest.mark.parametrize("name", matrices())
def test_it_is_the_largest_singular_value_or_a_little_less(name: str) -> None:
    matrix = matrices()[name]
    largest = float(torch.linalg.matrix_norm(matrix.float(), 2))
    assert 0.93 * largest < operator_norm(matrix) <= largest * (1 + 1e-5)


def test_nothing_moves_where_the_matrix_is_zero() -> None:
    assert operator_norm(torch.zeros(3, 4)) == 0.0
