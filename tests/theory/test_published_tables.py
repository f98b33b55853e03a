"""Parameterizations as their sources print them, against presets and power counting."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from theory import Optimizer, Role, count_powers
from theory.catalogue.published import (
    FILES,
    Entry,
    Known,
    ScaledQuantity,
    Side,
    Table,
    publication,
    tables,
)
from theory.catalogue.published.comparison import (
    NETWORKS,
    Disagreement,
    agreement,
    cannot_be_expressed,
    differences,
    disagreements,
    parameterization_of,
    preset_of,
    problems,
)
from theory.power_counting import with_matched_epsilon
from theory.presets import preset
from theory.scaling import ONE, Axis, Power


def expressible() -> list[tuple[Table, str]]:
    """Every table with each optimizer that theory has."""
    pairs = [(table, optimizer) for table in tables() for optimizer in table.optimizers]
    return [(table, optimizer) for table, optimizer in pairs if optimizer in set(Optimizer)]


def named(pairs: list[tuple[Table, str]]) -> list[object]:
    return [pytest.param(*pair, id=f"{pair[0]}, {pair[1]}") for pair in pairs]


def table(name: str, variant: str, document: str = "arXiv") -> Table:
    (found,) = (
        each
        for each in tables()
        if (each.name, each.variant) == (name, variant) and each.document.startswith(document)
    )
    return found


def cells(of: Table, optimizer: str) -> Iterator[tuple[int, Entry, str]]:
    for place, entry in enumerate(of.entries):
        for role in entry.roles if optimizer in entry.optimizers else ():
            yield place, entry, role


@pytest.mark.parametrize(("published", "optimizer"), named(expressible()))
def test_what_a_table_has_otherwise_is_known_and_explained(
    published: Table, optimizer: str
) -> None:
    """One that agrees now is stale, and one that is new is no agreement."""
    found = {(one.against, one.what) for one in disagreements(published, optimizer)}
    known = [one for one in published.known if one.optimizer == optimizer]
    assert found == {(one.against, what) for one in known for what in one.what}
    assert all(one.reason for one in known)


@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.ADAM])
@pytest.mark.parametrize("name", ["Table 3", "Table 8", "Table 9"])
def test_three_tables_of_mup_are_one_parameterization(name: str, optimizer: Optimizer) -> None:
    """They differ in where factors stand, which the symmetry undoes."""
    said = parameterization_of(table(name, "muP"), optimizer)
    assert (said[Role.OUTPUT].multiplier == ONE) is (name == "Table 3")
    canonical = said.in_variance_convention()
    assert canonical.roles == preset("mup", optimizer).in_variance_convention().roles


def test_completep_is_the_preset_to_the_last_power() -> None:
    published = table("Table 1", "alpha = 1 (CompleteP)")
    said = parameterization_of(published, "adam").in_variance_convention()
    ours = preset("completep", Optimizer.ADAM).in_variance_convention()
    for role in (Role.INPUT, *NETWORKS["transformer"].block_roles, Role.OUTPUT):
        assert replace(said[role], decay=None) == ours[role]
    assert said.residual == ours.residual == Power(depth=-1)


@pytest.mark.parametrize("document", ["arXiv 2203.03466", "arXiv 2310.02244", "arXiv 2505.01618"])
def test_three_papers_differ_in_epsilon_and_decay_alone(document: str) -> None:
    mine = [pair for pair in expressible() if pair[0].document == document]
    assert mine
    for published, optimizer in mine:
        if any(published.scales.values()):  # not what is shown for failing
            names = {one.quantity for one in differences(published, optimizer)}
            assert names <= {"epsilon", "decay per step"}


def test_published_differences_are_shown_with_both_sides() -> None:
    found = disagreements(table("slide 21", "u-muP"), "adam")
    assert found[0] == Disagreement(Side.PRESET, "rate of input", "n^-1/2", "1")
    assert found[1:] == [
        Disagreement(
            Side.POWER_COUNTING, "the own change of input, in width", "works in width", "n^-1/2"
        )
    ]


def test_a_table_that_is_said_to_fail_and_does_not_is_a_disagreement() -> None:
    slandered = replace(table("Table 3", "muP"), scales={Axis.WIDTH: False})
    found = disagreements(slandered, "sgd")
    assert {(one.what, one.table, one.ours) for one in found} == {
        (f"width of {network}", "fails", "nothing is wrong") for network in slandered.networks
    }


def contradicts_itself(published: Table, optimizer: str) -> bool:
    """Two cells name one quantity of one role, and not alike."""
    said: dict[tuple[str, ScaledQuantity], set[Power | None]] = {}
    for _, entry, role in cells(published, optimizer):
        said.setdefault((role, entry.quantity), set()).add(entry.power)
    return any(len(powers) > 1 for powers in said.values())


@pytest.mark.parametrize(("published", "optimizer"), named(expressible()))
def test_one_wrong_power_in_any_cell_is_seen(published: Table, optimizer: str) -> None:
    usual = differences(published, optimizer)
    assert not contradicts_itself(published, optimizer)
    for place, entry, role in cells(published, optimizer):
        if cannot_be_expressed(role, optimizer) or entry.power is None:
            continue
        for axis in published.axes:
            moved = Power(width="1/2") if axis is Axis.WIDTH else Power(depth="1/2")
            wrong = replace(entry, power=entry.power * moved)
            entries = (*published.entries[:place], wrong, *published.entries[place + 1 :])
            mutant = replace(published, entries=entries)
            seen = differences(mutant, optimizer) != usual
            assert seen or contradicts_itself(mutant, optimizer), entry


@pytest.mark.parametrize(("published", "optimizer"), named(expressible()))
def test_a_factor_may_stand_anywhere(published: Table, optimizer: str) -> None:
    """The same table with a factor of every multiplier moved into its weight."""
    along = {axis.value: "1/3" for axis in published.axes}
    factor = Power(**along)
    said = parameterization_of(published, optimizer)
    moved = said.moved(dict.fromkeys(dict(said.roles), factor), "moved")
    inside = NETWORKS[published.networks[0]].block_roles[-1]
    names = {"embedding": Role.INPUT, "hidden": inside}
    names |= {role.value: role for role in (Role.INPUT, Role.OUTPUT, Role.BIAS, Role.GAIN)}
    entries = [
        each
        for each in published.entries
        if each.quantity is ScaledQuantity.RESIDUAL or each.roles == ("attention",)
    ]
    for name in dict.fromkeys(role for _, entry, role in cells(published, optimizer)):
        if name not in names:
            continue
        item = moved[names[name]]
        powers = [
            (ScaledQuantity.MULTIPLIER, item.multiplier),
            (ScaledQuantity.STD, item.std),
            (ScaledQuantity.RATE, item.rate),
            (ScaledQuantity.EPSILON, item.epsilon),
        ]
        powers += [(ScaledQuantity.DECAY, item.decay)] if item.decay is not None else []
        entries += [
            Entry("row", "column", "moved", (name,), (optimizer,), quantity, power)
            for quantity, power in powers
        ]
    rewritten = replace(published, entries=tuple(entries))
    assert parameterization_of(rewritten, optimizer).roles != said.roles
    assert differences(rewritten, optimizer) == differences(published, optimizer)


@pytest.mark.parametrize(("published", "optimizer"), named(expressible()))
def test_tables_that_agree_are_counted_like_their_preset(published: Table, optimizer: str) -> None:
    if differences(published, optimizer):
        return
    said, ours = parameterization_of(published, optimizer), preset_of(published, optimizer)
    for key in published.networks:
        network = NETWORKS[key]
        pair = [count_powers(network, with_matched_epsilon(network, one)) for one in (said, ours)]
        for axis in published.axes:
            changes = [
                {layer: power.along(axis) for layer, power in count.own_change.items()}
                for count in pair
            ]
            assert changes[0] == changes[1]
            assert pair[0].branch.along(axis) == pair[1].branch.along(axis)


def test_an_epsilon_that_no_table_names_is_not_held_against_it() -> None:
    assert not problems(table("Table 3", "muP"), "adam", Axis.WIDTH)["transformer"]


def test_a_cell_is_judged_by_itself() -> None:
    published = table("Table 1", "SP", "arXiv 2505")
    judged = {
        (entry.row, role): agreement(published, entry, role, "adam")
        for _, entry, role in cells(published, "adam")
    }
    assert judged["Hidden Init. Var.", "hidden"] == "differs"
    assert judged["Unembed Fwd.", "output"] == "agrees"
    assert judged["Hidden LR (AdamW)", "hidden"] == "agrees"
    assert judged["Hidden Bias LR (AdamW)", "bias"] == "agrees"
    standard = table("Table 1", "Standard")
    (rate,) = (entry for entry in standard.entries if entry.quantity is ScaledQuantity.RATE)
    assert agreement(standard, rate, "hidden", "sgd") == "open"
    muon = table("Equation (4)", "matrices")
    assert agreement(muon, muon.entries[0], "hidden", "muon") == "differs"
    assert agreement(muon, muon.entries[0], "hidden", "scion") == "optimizer: scion"


@pytest.mark.parametrize("name", FILES)
def test_every_table_has_its_place_and_every_cell_its_words(name: str) -> None:
    for published in publication(name).tables:
        assert published.document
        assert published.read
        assert published.entries
        assert set(published.networks) <= set(NETWORKS)
        for known in published.known:
            assert known.optimizer in published.optimizers
        for entry in published.entries:
            assert entry.row
            assert entry.column
            assert entry.says
            assert len(entry.says.split()) <= 12
            assert set(entry.optimizers) <= set(published.optimizers)


def test_tables_are_told_apart_by_their_names() -> None:
    names = [str(published) for published in tables()]
    assert len(set(names)) == len(names)


def test_a_reason_that_explains_nothing_any_more_is_stale() -> None:
    published = table("Table 3", "muP")
    stale = Known(Side.PRESET, "sgd", ("rate of output",), "It differed once.")
    claimed = {what for one in (*published.known, stale) for what in one.what}
    assert claimed != {one.what for one in disagreements(published, "sgd")}
