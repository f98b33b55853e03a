"""Tables that public code wrote, each judged by one command. They lie beside the checkout."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verify.cli.test_cli import run

TABLES = Path(__file__).parents[4] / "shared" / "tables"
pytestmark = pytest.mark.skipif(
    not TABLES.is_dir(), reason=f"the published tables are not in {TABLES}"
)

GROWS = ("--exponent-at-most", "0", "--margin", "0.25")
FLAT = ("--exponent", "0", "--margin", "0.1")
COORDINATES = ("--x", "width", "--y", "l1", "--by", "module,t")


@pytest.fixture
def verdicts(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[dict[str, str], list[str]]]:
    """The verdicts of the groups of a table, and the groups that are left out."""

    def judged(name: str, *arguments: str) -> tuple[dict[str, str], list[str]]:
        code = run("judge", TABLES / name, *arguments, "--json")
        report = json.loads(capsys.readouterr().out)
        found = {entry["id"]: entry["verdict"] for entry in report["predictions"]}
        assert code == (1 if {"rejected", "invalid"} & set(found.values()) else code)
        return found, list(report["left_out"])

    return judged


Verdicts = Callable[..., tuple[dict[str, str], list[str]]]


def rejected(found: dict[str, str]) -> set[str]:
    return {group for group, verdict in found.items() if verdict == "rejected"}


def test_a_coordinate_check_of_mup_finds_the_readout_and_nothing_else(verdicts: Verdicts) -> None:
    ordered = (*COORDINATES, "--replicate-by-order", *GROWS)
    correct, left_out = verdicts("mup_mlp_mup.csv", *ordered)
    assert set(correct.values()) == {"accepted"}
    assert left_out == ["module=fc_3, t=1", "module='', t=1"]
    standard, _ = verdicts("mup_mlp_sp.csv", *ordered)
    grow = {f"module={module}, t={t}" for module in ("fc_3", "''") for t in (2, 3)}
    assert rejected(standard) == grow
    assert {standard[group] for group in standard.keys() - grow} == {"accepted"}


def test_a_lazy_network_is_flat_in_size_and_not_in_change(verdicts: Verdicts) -> None:
    by = ("--x", "width", "--by", "module,t", "--replicate", "seed")
    sizes, _ = verdicts("change_mlp_lazy.csv", *by, "--y", "l1", *GROWS)
    assert set(sizes.values()) == {"accepted"}
    change = ("--y", "change", "--exponent", "0", "--margin", "0.25")
    lazy, left_out = verdicts("change_mlp_lazy.csv", *by, *change)
    assert {f"module={module}, t=3" for module in range(4)} == rejected(lazy)
    assert "module=0, t=1" in left_out
    correct, _ = verdicts("change_mlp_mup.csv", *by, *change)
    assert set(correct.values()) == {"accepted"}
    standard, _ = verdicts("change_mlp_sp.csv", *by, *change)
    assert rejected(standard) == {"module=4, t=2", "module=4, t=3"}


@pytest.mark.parametrize(("fold", "modules"), [((), 21), (("--fold-blocks",), 11)])
def test_gpt2_grows_but_for_embeddings_and_normalizations(
    fold: tuple[str, ...], modules: int, verdicts: Verdicts
) -> None:
    found, _ = verdicts("gpt2_sp.csv", *COORDINATES, "--replicate", "seed", *GROWS, *fold)
    assert len(rejected(found)) == 4 * modules
    flat = found.keys() - rejected(found)
    assert {found[group] for group in flat} == {"accepted"}
    assert all(any(name in group for name in ("wte", "wpe", "drop,", "ln_")) for group in flat)


def test_nothing_grows_in_width_under_mup(verdicts: Verdicts) -> None:
    seeds = (*COORDINATES, "--replicate", "seed", *GROWS)
    correct, _ = verdicts("nano_width_mup.csv", *seeds)
    assert not rejected(correct)
    assert list(correct.values()).count("accepted") >= 20
    standard, _ = verdicts("nano_width_sp.csv", *seeds)
    grow = {f"module={m}, t={t}" for m in ("attn", "mlp", "last_layer") for t in (2, 3, 4, 5)}
    assert grow <= rejected(standard)
    assert not any("token_embedding" in group for group in rejected(standard))


def test_the_residual_stream_by_depth(verdicts: Verdicts) -> None:
    columns = ("--x", "depth", "--y", "l1", "--by", "t", "--replicate", "seed")
    last = (*columns, "--where", "module=last_layer", *FLAT)
    grows, _ = verdicts("nano_depth_sp_and_mup.csv", *last)
    assert set(grows.values()) == {"rejected"}
    half, _ = verdicts("nano_depth_alpha_05.csv", *last)
    assert set(half.values()) == {"accepted"}
    whole, _ = verdicts("nano_depth_completep.csv", *last)
    assert [whole[f"t={t}"] for t in (3, 4, 5)] == ["accepted"] * 3


@pytest.mark.parametrize(
    ("name", "claim", "verdict"),
    [
        ("completep_lin_1.csv", ("--exponent", "0"), "accepted"),
        ("completep_lin_05.csv", ("--exponent", "-1/2", "--zeros", "missing"), "accepted"),
        ("completep_lin_05.csv", ("--exponent", "0", "--zeros", "missing"), "rejected"),
        (
            "completep_lin_0.csv",
            ("--exponent-at-most", "0", "--zeros", "missing", "--empty", "diverged"),
            "rejected",
        ),
    ],
)
def test_distances_from_linearization(
    name: str, claim: tuple[str, ...], verdict: str, verdicts: Verdicts
) -> None:
    columns = ("--x", "depth", "--y", "dist", "--replicate", "seed", "--margin", "0.1")
    found, _ = verdicts(name, *columns, *claim)
    assert set(found.values()) == {verdict}


def test_where_a_table_overflows_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    columns = ("--x", "depth", "--y", "dist", "--replicate", "seed", "--margin", "0.1")
    table = TABLES / "completep_lin_0.csv"
    assert run("judge", table, *columns, "--exponent", "0") == 2
    assert "40 of 600 are exactly zero (depth = 256: 40)" in capsys.readouterr().err
    assert run("judge", table, *columns, "--exponent", "0", "--zeros", "missing") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "missing: depth = 256: 50 of 50; depth = 512: 50 of 50" in said
    assert "--empty diverged" in said


@pytest.mark.parametrize(
    ("name", "margin", "verdict"),
    [
        ("lr_sweep_final_sp.csv", "0.25", "rejected"),
        ("lr_sweep_final_mup.csv", "0.5", "accepted"),
        ("lr_half_decades.csv", "0.5", "accepted"),
        ("lr_sweep_final_mup.csv", "0.25", "inconclusive"),
    ],
)
def test_the_best_rate_moves_only_in_standard_parameterization(
    name: str, margin: str, verdict: str, verdicts: Verdicts
) -> None:
    columns = ("--x", "width", "--y", "loss", "--rate", "lr", "--replicate", "seed")
    found, _ = verdicts(name, *columns, "--best-rate-exponent", "0", "--margin", margin)
    assert set(found.values()) == {verdict}
