"""What is on record is about the catalogue, and two seeds do not contradict each other."""

from dataclasses import fields

import pytest

from theory import Profile, Verdict
from theory.catalogue import find, recorded, select
from theory.catalogue.records import SECOND_SEED, parse_records, records_of

FILES = (*Profile, SECOND_SEED)


@pytest.mark.parametrize("name", FILES)
def test_every_entry_is_about_the_catalogue_and_in_its_order(name: str) -> None:
    claims = [id.partition("@")[0] for id in records_of(name)]
    places = {prediction.id: place for place, prediction in enumerate(select(()))}
    ranks = [places[claim] for claim in claims]
    assert ranks == sorted(ranks)
    for claim, record in zip(claims, records_of(name).values(), strict=True):
        assert record.rival is None or find(claim).rival is not None


@pytest.mark.parametrize("name", FILES)
def test_every_entry_names_a_campaign_and_its_seed(name: str) -> None:
    for record in records_of(name).values():
        assert record.campaign.seed is not None
        assert record.campaign.recorded is not None


def test_the_standard_profile_is_on_record_as_a_whole() -> None:
    tried = {prediction.id for prediction in select((), Profile.STANDARD)}
    assert {id for id in records_of(Profile.STANDARD) if "@" not in id} == tried
    assert set(records_of(SECOND_SEED)) == tried


def test_nothing_that_one_seed_accepts_is_rejected_by_the_other() -> None:
    first, second = records_of(Profile.STANDARD), records_of(SECOND_SEED)
    pairs = [(first[id], second[id]) for id in second]
    verdicts = {frozenset((one.verdict, two.verdict)) for one, two in pairs}
    verdicts |= {
        frozenset((one.rival.verdict, two.rival.verdict))
        for one, two in pairs
        if one.rival and two.rival
    }
    assert frozenset((Verdict.ACCEPTED, Verdict.REJECTED)) not in verdicts
    assert all(one.campaign.seed != two.campaign.seed for one, two in pairs)


def test_an_interval_holds_its_estimate() -> None:
    for name in FILES:
        for id, record in records_of(name).items():
            assert (record.estimate is None) == (record.interval is None)
            if record.estimate is not None and record.interval is not None:
                assert record.interval[0] <= record.estimate <= record.interval[1], id


def test_a_prediction_of_the_full_profile_alone_has_its_record_there() -> None:
    claim = find("B1.rate.depth.kernel-3.deep")
    record = recorded(claim)
    assert record is not None
    assert record == recorded(claim, Profile.FULL)
    assert record.campaign.device == "cpu and cuda (one H200)"
    assert (record.replicates, record.looks) == (512, 1)


def test_what_is_unknown_is_absent() -> None:
    (record,) = parse_records(
        '[campaigns.old]\nseed = 3\n[predictions."A1.x"]\ncampaign = "old"\nverdict = "invalid"\n'
    ).values()
    assert (record.verdict, record.campaign.name, record.campaign.seed) == ("invalid", "old", 3)
    others = [field.name for field in fields(record.campaign) if field.name not in ("name", "seed")]
    assert {getattr(record.campaign, name) for name in others} == {None}
    assert (record.rival, record.interval, record.replicates, record.engines) == 4 * (None,)
