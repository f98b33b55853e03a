"""What is repeated along depth is found by the order of shapes alone."""

from hypothesis import given
from hypothesis import strategies as st

from verify.guarding.causes import folded_names
from verify.guarding.structure import Blocks, blocks_of, folded

LETTERS = st.lists(st.sampled_from("abcd"), max_size=4)


@given(before=LETTERS, block=LETTERS.filter(bool), after=LETTERS, shorter=st.integers(2, 4))
def test_a_repeated_section_is_found(
    before: list[str], block: list[str], after: list[str], shorter: int
) -> None:
    """The found block may begin elsewhere, or be a part that is repeated itself."""
    networks = [before + block * count + after for count in (shorter, 2 * shorter)]
    found = blocks_of(*networks)
    assert found is not None
    assert len(block) % found.period == 0
    for network in networks:
        whole = network[found.before : len(network) - found.after]
        assert whole == whole[: found.period] * found.count(len(network))


def test_prefix_and_suffix_stay_outside() -> None:
    found = blocks_of(list("eqkvoNr"), list("eqkvoqkvoNr"))
    assert found == Blocks(before=1, period=4, after=2)


def test_networks_that_differ_by_more_than_blocks_have_none() -> None:
    assert blocks_of(list("abc"), list("abbd")) is None
    assert blocks_of(list("abc"), list("abc")) is None


def test_numbers_among_the_parts_of_a_name_are_folded() -> None:
    assert folded("blocks.12.fc1.weight") == "blocks.*.fc1.weight"
    assert folded("0.weight") == "*.weight"


def test_names_are_folded_only_where_every_block_is_meant() -> None:
    every = ["blocks.0.q", "blocks.1.q", "readout"]
    assert folded_names(["blocks.0.q", "blocks.1.q"], every) == ["blocks.*.q"]
    assert folded_names(["blocks.1.q"], every) == ["blocks.1.q"]
    assert folded_names(["readout"], every) == ["readout"]
