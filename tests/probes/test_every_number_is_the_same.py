"""What networks measure does not change: to the last bit, where rounding is that of the record.

The numbers were written by the code before experiments had classes of their own. Another processor
adds products up in another order, and is compared in double precision.
"""

import json

import pytest

from tests.probes.small_campaign import NUMBERS, digest, processor, small_campaign

RECORD = json.loads(NUMBERS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, dict[str, list[float]]]]:
    return small_campaign()


def test_single_precision_is_the_same_to_the_last_bit(
    measured: dict[str, dict[str, dict[str, list[float]]]],
) -> None:
    if processor() != RECORD["processor"]:
        pytest.skip(f"rounding of {processor()}, and the record is of {RECORD['processor']}")
    found = {trial: digest(numbers) for trial, numbers in measured["float32"].items()}
    assert found == RECORD["float32"]


def test_double_precision_is_the_same_on_every_processor(
    measured: dict[str, dict[str, dict[str, list[float]]]],
) -> None:
    assert measured["float64"].keys() == RECORD["float64"].keys()
    for trial, numbers in measured["float64"].items():
        assert numbers.keys() == RECORD["float64"][trial].keys(), trial
        for name, values in numbers.items():
            expected = RECORD["float64"][trial][name]
            assert values == pytest.approx(expected, rel=1e-7, nan_ok=True), (trial, name)


def test_another_number_is_noticed() -> None:
    trial, numbers = next(iter(RECORD["float64"].items()))
    name, values = next(iter(numbers.items()))
    nudged = {**numbers, name: [values[0] * (1 + 1e-15), *values[1:]]}
    assert digest(nudged) != digest(numbers), trial
