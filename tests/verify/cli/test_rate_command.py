"""``scaleproof rate``: names of architectures, JSON, what is said, and one-line errors."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.verify.cli.test_cli import run
from theory import (
    Activation,
    Architecture,
    BlockForm,
    DomainError,
    Normalization,
    chain,
    residual,
    transformer,
)
from theory.convolution import Convolution
from verify.cli.architecture import architecture_of

SMALL = ("--width", 16, "--replicates", 6)
TWO = Fraction(2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chain", chain(2)),
        ("residual-1", replace(residual(1), variance_factor=TWO)),
        ("residual-12", replace(residual(12), variance_factor=TWO)),
        (
            "normalized-2",
            replace(residual(2, normalization=Normalization.RMS), variance_factor=TWO),
        ),
        ("transformer", replace(transformer(), variance_factor=TWO)),
        ("conv1d", replace(chain(2), convolution=Convolution(1, 3, 16))),
        (
            "conv2d-residual-2",
            replace(residual(2), variance_factor=TWO, convolution=Convolution(2, 3, 8)),
        ),
    ],
)
def test_names_of_architectures(name: str, expected: Architecture) -> None:
    assert architecture_of(name) == expected


def test_options_of_architectures() -> None:
    found = architecture_of("residual-2", Activation.TANH, BlockForm.POST_ACTIVATION, "3/2")
    expected = residual(2, Activation.TANH, BlockForm.POST_ACTIVATION)
    assert found == replace(expected, variance_factor=Fraction(3, 2))


@pytest.mark.parametrize(
    ("activation", "factor"),
    [
        (Activation.RELU, TWO),
        (Activation.IDENTITY, Fraction(1)),
        (Activation.ABS, Fraction(1)),
        (Activation.LEAKY_RELU, Fraction(20000, 10001)),
        (Activation.GELU, TWO),
    ],
)
def test_the_variance_factor_keeps_the_size_of_homogeneous_signals(
    activation: Activation, factor: Fraction
) -> None:
    assert architecture_of("chain", activation).variance_factor == factor


@pytest.mark.parametrize(
    "name", ["resnet", "residual", "chain-2", "residual-M", "residual-1-2", ""]
)
def test_unknown_names_list_all(name: str) -> None:
    with pytest.raises(DomainError) as refused:
        architecture_of(name)
    assert str(refused.value) == (
        f"unknown architecture {name!r}; choose one of: "
        "chain, residual-M, normalized-M, transformer, conv1d, conv2d, conv1d-residual-M, "
        "conv2d-residual-M (M layers in a block)"
    )


def test_json_has_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    tuned = ("--from-depth", 3, "--rate", 0.1)
    assert run("rate", "residual-1", "--depth", "2,4,8", *SMALL, *tuned, "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    assert list(document) == [
        "architecture",
        "parameterization",
        "protocol",
        "width",
        "replicates",
        "seed",
        "confidence",
        "tuned",
        "depths",
        "exponent",
    ]
    assert document["architecture"] == "residual, m = 1, relu, T = 2"
    assert document["parameterization"] == "am_mup"
    assert (document["width"], document["replicates"], document["seed"]) == (16, 6, 0)
    assert document["tuned"] == {"depth": 3, "rate": 0.1}
    assert [row["depth"] for row in document["depths"]] == [2, 4, 8]
    for row in document["depths"]:
        assert row["diverged"] == 0
        for interval in (row["maximal_update"], row["carried"]["measured"]):
            assert interval["low"] < interval["estimate"] < interval["high"]
        assert row["carried"]["published"] == pytest.approx(0.1 * (row["depth"] / 3) ** -1.5)
    exponent = document["exponent"]
    assert (exponent["published"], exponent["counted"]) == (-1.5, -1.0)
    assert len(exponent["local"]) == 2


def test_the_same_seed_gives_the_same_rates(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for seed in (1, 1, 2):
        run("rate", "chain", "--depth", "2,3", *SMALL, "--seed", seed, "--json")
        printed.append(json.loads(capsys.readouterr().out)["depths"])
    assert printed[0] == printed[1]
    assert printed[0] != printed[2]


def test_a_narrow_terminal_cuts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verify.cli.rate.output_width", lambda: 60)
    monkeypatch.setattr("verify.cli.columns.output_width", lambda: 60)
    tuned = ("--from-depth", 2, "--rate", 0.1)
    assert run("rate", "residual-1", "--depth", "2,4", *SMALL, *tuned) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    heading = lines.index("0.1 of L = 2, carried over by the exponent of depth:") + 1
    assert lines[heading].split("  ")[0] == "depth"
    assert lines[heading + 1].split() == ["2", "0.1", "[0.1,", "0.1]", "0.1", "0.1"]


def test_one_depth_has_a_rate_and_no_exponent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rate", "chain", "--depth", "4", *SMALL) == 0
    text = capsys.readouterr().out
    assert "largest rate that is stable to first order, not the best one" in text
    assert "Exponent" not in text
    assert "Carried" not in text


def test_the_table_says_what_is_carried_over(capsys: pytest.CaptureFixture[str]) -> None:
    tuned = ("--from-depth", 2, "--rate", 0.5)
    assert run("rate", "chain", "--depth", "2,4,8", *SMALL, *tuned) == 0
    text = capsys.readouterr().out
    for said in (
        "0.5 of L = 2, carried over by the exponent of depth:",
        "depth  measured [95% interval]",
        "published  power counting",
        "0.0625",  # 0.5 (8 / 2)^-3/2
        "Exponent of depth, L = 2 to 8: measured -",
        "published rule -3/2; power counting -3/2.",
        "Carried over: 0.5 (L / 2)^exponent",
        "is an assumption, which is not tested here",
        "Note: chains are biased in L/n, here up to 0.5",
    ):
        assert said in text


def test_what_no_source_speaks_of_has_no_published_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tuned = ("--from-depth", 2, "--rate", 0.5)
    assert run("rate", "normalized-2", "--depth", "2,4", *SMALL, *tuned) == 0
    text = capsys.readouterr().out
    assert "published rule none; power counting" in text
    assert "published rule -3/2" not in text
    assert run("rate", "normalized-2", "--depth", "2,4", *SMALL, *tuned, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["exponent"]["published"] is None
    assert [row["carried"]["published"] for row in document["depths"]] == [None, None]
    assert None not in [row["carried"]["counted"] for row in document["depths"]]


@pytest.mark.parametrize(("depth", "outside"), [(2, False), (3, False), (4, False), (8, True)])
def test_a_rate_from_outside_of_the_measured_depths_is_noted(
    depth: int, outside: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = ("--from-depth", depth, "--rate", 0.5)
    assert run("rate", "residual-1", "--depth", "2,4", *SMALL, *tuned) == 0
    said = "Note: L = 8 is outside of 2 to 4, where the exponent was measured; add it to --depth."
    assert (said in capsys.readouterr().out) == outside


def test_where_there_is_no_power_law_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--depth", "2,8,32", "--width", 64, "--replicates", 16, "--variance-factor", 1)
    assert run("rate", "chain", *arguments) == 0
    text = capsys.readouterr().out
    assert "Warning: no power law fits: lack of fit: p = " in text
    assert "; between neighbouring depths it is +" in text
    assert "power counting none." in text
    assert "Power counting: am_mup is not stable in depth at initialization" in text


def test_divergence_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tuned = ("--from-depth", 2, "--rate", 0.5)
    arguments = ("chain", "--depth", "1,64", *SMALL, *tuned, "--variance-factor", 1000)
    assert run("rate", *arguments) == 0
    text = capsys.readouterr().out
    assert "6 diverged" in text
    assert "no power law fits: 6 of 12 networks diverged" in text
    assert run("rate", *arguments, "--json") == 0
    deepest = json.loads(capsys.readouterr().out)["depths"][1]
    assert deepest["maximal_update"] is None
    assert deepest["carried"]["measured"] is None


def test_a_number_beyond_floats_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    """1e300 (1 / 10^6)^-3/2 is 1e309."""
    tuned = ("--from-depth", 1_000_000, "--rate", "1e300")
    assert run("rate", "residual-1", "--depth", "1,2", *SMALL, *tuned, "--json") == 0
    (first, _) = json.loads(capsys.readouterr().out)["depths"]
    assert first["carried"]["published"] is None
    assert first["carried"]["counted"] == pytest.approx(1e306)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("resnet", "--depth", "8"), "unknown architecture 'resnet'; choose one of: chain"),
        (("residual-0", "--depth", "8"), "layers per block 0: expected at least 1"),
        (("chain",), "missing: --depth; see scaleproof rate --help"),
        ((), "missing: ARCHITECTURE, --depth; see scaleproof rate --help"),
        (("chain", "--depth", "8,x"), "'8,x': expected whole numbers from 1 to 1000000"),
        (("chain", "--depth", "0,8"), "'0,8': expected whole numbers from 1 to 1000000"),
        (("chain", "--depth", "1000001,8"), "expected whole numbers from 1 to 1000000, such as"),
        (("chain", "--depth", ""), "'': expected whole numbers from 1 to 1000000"),
        (("chain", "--depth", "16,8"), "depth 8 after 16: expected ascending depths"),
        (("chain", "--depth", "8,8"), "depth 8 after 8: expected ascending depths"),
        (("chain", "--depth", "8", "--width", "0"), "0 is not in the range"),
        (("chain", "--depth", "8", "--replicates", "1"), "1 is not in the range 2<=x<=100000"),
        (("chain", "--depth", "8,16", "--rate", "0.1"), "--rate without --from-depth: give both"),
        (("chain", "--depth", "8,16", "--from-depth", "8"), "--from-depth without --rate"),
        (
            ("chain", "--depth", "8", "--from-depth", "8", "--rate", "0.1"),
            "--depth 8 with --from-depth: a rate is carried over by the exponent of depth; give "
            "at least two depths",
        ),
        (
            ("chain", "--depth", "8,16", "--from-depth", "8", "--rate", "nan"),
            "tuned rate nan: expected a finite positive number",
        ),
        (
            ("chain", "--depth", "8,16", "--from-depth", "8", "--rate", "-1"),
            "tuned rate -1.0: expected a finite positive number",
        ),
        (("chain", "--depth", "8", "--from-depth", "0", "--rate", "1"), "0 is not in the range"),
        (("chain", "--depth", "8", "--form", "post-activation"), "a chain has no blocks"),
        (("chain", "--depth", "8", "--variance-factor", "two"), "variance factor 'two': expected"),
        (("chain", "--depth", "8", "--variance-factor", "0"), "variance factor '0': expected"),
        (("chain", "--depth", "8", "--variance-factor", "1e9"), "variance factor '1e9': expected"),
        (("chain", "--depth", "8", "--device", "tpu"), "unknown device 'tpu'"),
        (("chain", "--depth", "8", "--variance-factor", "1e999999999"), "'1e999999999': expected"),
        (("chain", "--depth", "8", "--replicates", "100000000000"), "is not in the range"),
        (("chain", "--depth", "1000000", "--width", "1000000"), "n=1000000, L=1000000 needs about"),
        (
            ("residual-1", "--depth", "100", "--width", "1000000", "--engine", "dense"),
            "64 networks at n=1000000, L=100 would take about 2",
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rate", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scaleproof: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (MemoryError("no 4 TiB left"), "the run failed: MemoryError: no 4 TiB left"),
    ],
)
def test_a_run_that_ends_early_is_one_line(
    raised: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> None:
        raise raised

    monkeypatch.setattr("verify.cli.rate.measure_rates", fails)
    assert run("rate", "chain", "--depth", "4") == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().startswith(f"scaleproof: {said}")
    assert captured.err.strip().count("\n") == 0
