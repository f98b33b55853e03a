"""How images are named, which experiment shows them, and claims that are moved to others."""

from dataclasses import replace

import pytest

from theory import (
    DomainError,
    Profile,
    Setting,
    Training,
    on_images,
)
from theory.catalogue import PREDICTIONS, find, recorded
from theory.images import SOURCES, source_of
from theory.prediction import Prediction, claim_id

TRAINING = Training(batch=16, steps=40)


@pytest.mark.parametrize(
    ("text", "kind", "folder", "name"),
    [
        ("digits", "digits", "", "digits"),
        ("mnist5k", "mnist5k", "", "mnist5k"),
        ("cifar10:/data/sets", "cifar10", "/data/sets", "cifar10"),
        ("cifar100:C:/sets", "cifar100", "C:/sets", "cifar100"),
        ("folder:../flowers/", "folder", "../flowers/", "folder:flowers"),
        ("folder:.", "folder", ".", "folder:."),
    ],
)
def test_sources_have_a_kind_a_folder_and_a_name(
    text: str, kind: str, folder: str, name: str
) -> None:
    source = source_of(text)
    assert source == (kind, folder)
    assert source.name == name


@pytest.mark.parametrize(
    "text",
    ["", "cifar", "cifar10", "cifar10:", "digits:", "digits:/data", "folder", ":x", "Digits"],
)
def test_any_other_text_is_refused_with_a_list_of_what_is_possible(text: str) -> None:
    with pytest.raises(DomainError) as error:
        Training(batch=1, images=text)
    assert str(error.value) == f"unknown images {text!r}; choose one of: {', '.join(SOURCES)}"


def test_training_shows_every_image_at_least_once() -> None:
    with pytest.raises(DomainError, match="0 passes: expected at least 1"):
        Training(batch=1, passes=0)


def test_an_experiment_names_its_images_without_the_way_to_them() -> None:
    rest = "cross-entropy, batch 16, base rate 1"
    assert str(TRAINING) == f"40 steps on digits, {rest}"
    assert str(replace(TRAINING, images="cifar10:/a/b")) == f"40 steps on cifar10, {rest}"
    longer = replace(TRAINING, images="folder:/a/b", passes=3)
    assert str(longer) == f"40 steps on folder:b in at most 3 passes, {rest}"


def settings_of(prediction: Prediction) -> list[Setting]:
    """Everything that a prediction compares, by hand."""
    rival, relation = prediction.rival, prediction.relation
    settings = [prediction.setting, *(control.setting for control in prediction.controls)]
    settings += [rival.control.setting] if rival else []
    other = relation.quantity.compared_with()
    return settings + ([other] if isinstance(other, Setting) else [])


@pytest.mark.parametrize("id", ["A10.loss.tuned", "A9.rate.depth.corrected.sgd"])
def test_every_setting_of_a_claim_moves_and_nothing_else(id: str) -> None:
    claim = find(id)
    moved = on_images(claim, "cifar10:/data")
    assert moved.id == f"{id}@cifar10"
    assert claim_id(moved) == claim_id(claim) == id
    assert {setting.experiment.images for setting in settings_of(moved)} == {"cifar10:/data"}
    assert len(settings_of(moved)) > 2
    assert on_images(moved, "digits") == claim


def test_nothing_is_on_record_with_other_images() -> None:
    claim = find("A5.stream.depth")
    assert recorded(claim, Profile.QUICK) is not None
    assert recorded(on_images(claim, "mnist5k"), Profile.QUICK) is None


def test_a_claim_about_no_training_stays_what_it_is() -> None:
    for claim in PREDICTIONS:
        trains = isinstance(claim.setting.experiment, Training)
        assert (on_images(claim, "mnist5k") is claim) == (not trains)
        assert on_images(claim, "digits") is claim
