"""Verdicts on measurements that someone else made: columns, claims, and every bad table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import verify
from reports import Report
from tests.verify.cli.test_cli import run
from theory import (
    BestRateExponentEquals,
    Cell,
    DomainError,
    ExponentAtMost,
    ExponentEquals,
    ExponentsEqual,
    ExponentsOrdered,
    Prediction,
    Relation,
    SettingsEqual,
    SettingsOrdered,
    ValueAtMost,
    ValueEquals,
    Verdict,
    depth_mup,
    residual,
)
from theory.catalogue import find
from theory.exact.first_step import maximal_update_rate
from theory.exact.propagation import forward_second_moment
from verify import Judgement
from verify.tables.read import read_table

DEPTHS = (4, 8, 16, 32, 64)


def table(
    exponent: float = -1.5, replicates: int = 16, spread: float = 0.1, **columns: object
) -> pd.DataFrame:
    """update = depth^exponent with noise; one row a measurement, in no order."""
    generator = np.random.default_rng(0)
    rows = [
        {
            "depth": depth,
            "width": 16 * depth,
            "seed": f"run {replicate}",
            "update": depth**exponent * np.exp(spread * generator.standard_normal()),
            **columns,
        }
        for replicate in range(replicates)
        for depth in DEPTHS
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=1)


def judged(frame: pd.DataFrame, claim: Relation | Prediction, **options: Any) -> Judgement:
    return verify.judge(frame, claim, y="update", replicate="seed", **options)


CLAIM = ExponentEquals("depth", "-3/2")


OPTIONS = ("--x", "depth", "--y", "update", "--replicate", "seed")


def save(frame: pd.DataFrame, folder: Path, name: str = "table.csv") -> Path:
    path = folder / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    return path


def test_the_documented_call() -> None:
    judgement = verify.judge(
        table(), ExponentEquals("depth", "-3/2"), y="update", replicate="seed", margin=0.1
    )
    assert judgement.verdict is Verdict.ACCEPTED
    assert judgement.replicates == 16
    assert "judged without a negative control" in judgement.reason
    wrong = judged(table(), ExponentEquals("depth", -1), margin=0.1)
    assert wrong.verdict is Verdict.REJECTED


def two(first: float, second: float) -> pd.DataFrame:
    """The same replicates in two settings."""
    return pd.concat(
        [table(first, setting="ours"), table(second, setting="theirs", spread=0.12)],
        ignore_index=True,
    )


def sweep(exponent: float) -> pd.DataFrame:
    rates = [2.0**k for k in range(-8, 3)]
    frames = [table(0.0, rate=rate) for rate in rates]
    frame = pd.concat(frames, ignore_index=True)
    distance = np.log(frame.rate) - exponent * np.log(frame.depth)
    frame["update"] = 1 + distance**2 + 0.001 * frame["update"]
    return frame


@pytest.mark.parametrize(
    ("frame", "claim", "verdict"),
    [
        (table(-2.0), ExponentAtMost("depth", "-3/2"), Verdict.ACCEPTED),
        (table(-1.0), ExponentAtMost("depth", "-3/2"), Verdict.REJECTED),
        (table(0.0, replicates=64), ValueEquals("depth", 1.0), Verdict.ACCEPTED),
        (table(0.0), ValueEquals("depth", 1.5), Verdict.REJECTED),
        (table(-1.0), ValueAtMost("depth", 1.0), Verdict.ACCEPTED),
        (table(0.5), ValueAtMost("depth", 1.0), Verdict.REJECTED),
        (two(-1, -1), ExponentsEqual("depth", "theirs"), Verdict.ACCEPTED),
        (two(-1, -2), ExponentsEqual("depth", "theirs"), Verdict.REJECTED),
        (two(-2, -1), ExponentsOrdered("depth", "theirs"), Verdict.ACCEPTED),
        (two(-2, -1), ExponentsOrdered("depth", "ours"), Verdict.REJECTED),
        (two(-1, -1), SettingsEqual("depth", "theirs"), Verdict.ACCEPTED),
        (two(-1, -2), SettingsEqual("depth", "theirs"), Verdict.REJECTED),
        (two(-2, -1), SettingsOrdered("depth", "theirs"), Verdict.ACCEPTED),
        (two(-2, -1), SettingsOrdered("depth", "ours"), Verdict.REJECTED),
        (sweep(-0.5), BestRateExponentEquals("depth", "-1/2"), Verdict.INCONCLUSIVE),
        (sweep(-0.5), BestRateExponentEquals("depth", 0), Verdict.REJECTED),
        (sweep(-3.0), BestRateExponentEquals("depth", -3), Verdict.INVALID),
    ],
    ids=lambda value: str(value) if isinstance(value, Relation) else "",
)
def test_every_claim_can_be_made(frame: pd.DataFrame, claim: Relation, verdict: Verdict) -> None:
    columns = {name: name for name in ("rate",) if name in frame}
    columns |= {"pair": "setting"} if "setting" in frame else {}
    judgement = judged(frame, claim, margin=0.1, **columns)
    assert judgement.verdict is verdict, judgement.reason


def test_declared_corrections_are_columns_or_ratios() -> None:
    frame = table(-1.5, spread=0.01)
    frame["update"] *= np.exp(2.0 / frame.depth)
    frame["inverse"] = 1 / frame.depth
    plain = judged(frame, CLAIM, margin=0.1)
    assert plain.verdict is not Verdict.ACCEPTED
    for text in ("1/depth", "inverse", "16/width"):
        declared = judged(
            frame,
            CLAIM,
            margin=0.1,
            corrections=(text,),
        )
        assert declared.verdict is Verdict.ACCEPTED, text
        assert declared.interval is not None
        assert declared.interval.estimate == pytest.approx(-1.5, abs=0.02)


def test_a_prediction_of_the_catalogue_brings_everything_along() -> None:
    """C1's 1/L column and margin; the curves of A1, and of B1's exponent, from a width column."""
    judgement = judged(table(spread=0.02), find("C1.rate.depth"))
    assert judgement.verdict is Verdict.ACCEPTED
    frame = table(0.0, spread=0.02, replicates=64)
    exact = {
        depth: forward_second_moment(residual(1), depth_mup(), Cell(8, depth)) for depth in DEPTHS
    }
    frame["update"] *= frame.depth.map(exact)
    curve = judged(frame, find("A1.forward.value"))
    assert curve.verdict is Verdict.ACCEPTED, curve.reason
    recursion = find("B1.rate.exponent.kernel-3")
    chain, rule = recursion.setting.architecture, recursion.setting.parameterization
    bending = {d: maximal_update_rate(chain, rule, Cell(16 * d, d)) for d in DEPTHS}
    for factor, verdict in ((1.0, Verdict.ACCEPTED), (16.0, Verdict.REJECTED)):
        frame = table(0.0, spread=0.02)
        frame["update"] *= frame.depth.map(bending) * factor ** (frame.depth / 64)
        beside = judged(frame, recursion)
        assert beside.verdict is verdict, beside.reason
    with pytest.raises(DomainError, match="no column 'width'"):
        judged(
            frame.drop(columns="width"),
            find("A1.forward.value"),
        )


def test_missing_is_left_out_and_diverged_is_counted() -> None:
    frame = table(replicates=32)
    absent = frame.iloc[3:]
    judgement = judged(absent, CLAIM, margin=0.1)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "replicates miss a trial and are left out" in judgement.reason
    diverged = frame.copy()
    diverged.iloc[5, diverged.columns.get_loc("update")] = np.inf  # type: ignore[index]
    judgement = judged(diverged, CLAIM, margin=0.1)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.reason.startswith("1 of 160 trials diverged; diverged: depth = ")


def test_text_tables_tell_missing_from_diverged(tmp_path: Path) -> None:
    lines = ["depth,seed,update"]
    lines += [f"{d},{s},{d**-1.5 * (1 + 0.01 * ((s * d) % 7))}" for s in range(20) for d in DEPTHS]
    lines[7] = lines[7].rsplit(",", 1)[0] + ","
    path = tmp_path / "table.csv"
    path.write_text("\n".join([*lines[:20], "", *lines[20:]]) + "\n")
    frame = read_table(path)
    judgement = judged(frame, CLAIM, margin=0.1)
    assert "1 of 20 replicates miss a trial" in judgement.reason
    lines[7] += "NaN"
    path.write_text("\n".join(lines))
    judgement = judged(read_table(path), CLAIM, margin=0.1)
    assert judgement.reason.startswith("1 of 100 trials diverged; diverged: depth = 8: 1 of 20")


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
def test_files_give_the_verdict_of_the_frame(name: str, tmp_path: Path) -> None:
    expected = judged(table(), CLAIM, margin=0.1)
    frame = read_table(save(table(), tmp_path, name))
    found = judged(frame, CLAIM, margin=0.1)
    assert found.interval is not None
    assert expected.interval is not None
    assert found.interval.estimate == pytest.approx(expected.interval.estimate, rel=1e-9)


def edited(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        plain = table().sort_values(["seed", "depth"]).astype(object)
        return save(change(plain.reset_index(drop=True)), folder)

    return write


def cell(row: int, column: str, value: str | float) -> Callable[[Path], Path]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row - 2, column] = value
        return frame

    return edited(change)


def content(data: bytes, name: str = "table.csv") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (
            edited(lambda f: f.rename(columns={"update": "upd"})),
            "no column 'update'; the table",
        ),
        (cell(7, "update", "abc"), "row 7: 'abc' in column 'update' is not a number"),
        (cell(9, "depth", "deep"), "row 9: 'deep' in column 'depth' is not a number"),
        (cell(9, "depth", ""), "row 9: '' in column 'depth': expected a number"),
        (cell(9, "depth", -8), "row 9: -8 in column 'depth': expected a positive number"),
        (
            cell(5, "update", -0.5),
            "row 5: -0.5 in column 'update': [exponent of depth = -3/2]",
        ),
        (cell(5, "update", 0), "row 5: 0 in column 'update'"),
        (edited(lambda f: f[f.depth == 8]), "one value of 'depth' (8): an exponent needs at least"),
        (
            edited(lambda f: pd.concat([f, f.iloc[[2]]])),
            "row 82 repeats row 4: depth 16, seed run 0 is there twice",
        ),
        (content(b""), "table.csv is empty"),
        (content(b"  \n\n"), "table.csv is empty"),
        (content(b"depth,seed,update\n"), "has no rows of measurements"),
        (content("depth,seed,update\n4,0,1\n".encode("utf-16")), "is not UTF-8 (byte 0xff"),
        (content(b"depth,seed,update\n4,0,\xb5\n"), "is not UTF-8 (byte 0xb5 at position 22)"),
        (content(b'depth,seed,update\n4,0,1\n4,"0,1\n'), "row 3: no table of commas"),
        (content(b"depth,seed,update\n4,0,1\n4,0,1,2\n"), "row 3: 4 fields under a header of 3"),
        (content(b"depth,seed,update\n4,0,1,\n4,1,1,\n"), "row 2: 4 fields under a header of 3"),
        (content(b"depth,update,update\n4,0,1\n"), "names 'update' twice"),
        (content(b'depth,seed,update\n4,"a\nb",1\n8,c,x\n'), "row 4: 'x' in column"),
        (cell(9, "seed", " "), "row 9: column 'seed' names nothing"),
        (
            edited(lambda f: pd.concat([f, f.iloc[[2]].assign(depth=" 16.0", update=1000.0)])),
            "row 82 repeats row 4",
        ),
        (content(b'{"depth": 4}\n{"depth": \n', "t.jsonl"), "t.jsonl, row 2: not JSON"),
        (content(b"[1, 2]\n", "t.jsonl"), "t.jsonl, row 1: '[1, 2]' is no JSON object"),
        (lambda folder: folder / "absent.csv", "absent.csv' (No such file or directory)"),
        (lambda folder: folder, "(Is a directory); give a table"),
    ],
)
def test_a_bad_table_is_one_clear_line(
    write: Callable[[Path], Path],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, out = write(tmp_path), tmp_path / "report"
    arguments = ("--exponent", "-3/2", "--margin", "0.1", "--out", out)
    assert run("judge", path, *OPTIONS, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert complaint in captured.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "claims: none; expected exactly one of: ID, --exponent"),
        (
            ("--exponent", "1", "--value", "2"),
            "claims: --exponent and --value; expected exactly one",
        ),
        (("--exponent", "0.1.2", "--margin", "0.1"), "'0.1.2' is no rational number"),
        (("--exponent", "1"), "missing: --margin (how far off is still right"),
        (("--exponent", "1", "--margin", "0"), "margin 0.0: expected a positive number"),
        (("--exponent", "1", "--margin", "nan"), "margin nan: expected a positive number"),
        (("--value", "-2", "--margin", "0.1"), "value -2.0: a relative margin needs a positive"),
        (("--value", "inf", "--margin", "0.1"), "--value inf: expected a finite number"),
        (("C1.rate.depth", "--margin", "0.2"), "C1.rate.depth brings its own, 0.1"),
        (("C1.rate.depth", "--correction", "1/depth"), "declares its own corrections"),
        (("Z9",), "unknown prediction 'Z9'"),
        (("--same-exponent", "--margin", "0.1"), "missing: --pair COLUMN"),
        (
            ("--same",),
            "missing: --margin (how far off is still right, said before judging); --pair",
        ),
        (
            ("--exponent", "1", "--margin", "0.1", "--pair", "width"),
            "a pairing column a",
        ),
        (
            ("--exponent", "1", "--margin", "0.1", "--pair", "seed"),
            "'seed' is named for two",
        ),
        (("--exponent", "1e400", "--margin", "0.1"), "expected one between -1000 and 1000"),
        (("--exponent", "1", "--margin", "0.1", "--correction", "1/0"), "'1/0' is not finite"),
        (("--value", "1", "--margin", "0.1", "--correction", "1/depth"), "corrections say nothing"),
        (
            ("--same-exponent", "--margin", "0.1", "--pair", "width"),
            "one of two settings in column 'width', which names '64', '128', '256', '512', '1024'",
        ),
        (
            ("--best-rate-exponent", "1", "--margin", "0.1"),
            "missing: --rate COLUMN (learning rates)",
        ),
        (
            ("--exponent", "1", "--margin", "0.1", "--correction", "1/deep"),
            "no column 'deep'",
        ),
        (
            ("--exponent", "1", "--margin", "0.1", "--correction", "a/b/c"),
            "correction 'a/b/c': expected a column, or a ratio of two",
        ),
        (
            ("--exponent", "1", "--margin", "0.1", "--correction", "1/update"),
            "judge each of them on its own",
        ),
        (
            ("--exponent", "1", "--margin", "0.1", "--correction", "depth/width"),
            "cannot identify 3 regression parameters",
        ),
    ],
)
def test_a_bad_claim_is_one_clear_line(
    arguments: tuple[str, ...],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("judge", save(table(), tmp_path), *arguments, *OPTIONS) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert complaint in error


def test_what_python_gives_is_checked() -> None:
    for bad, complaint in (
        ({"margin": "0.1"}, "margin '0.1': expected a positive number"),
        ({"margin": True}, "margin True"),
        ({"margin": 0.1, "corrections": "1/depth"}, "expected a list of them"),
    ):
        with pytest.raises(DomainError, match=complaint):
            judged(table(), ExponentEquals("depth", 1), **bad)
    with pytest.raises(DomainError, match="the table has no rows"):
        judged(table().iloc[:0], CLAIM, margin=0.1)
    wide = table().join(pd.DataFrame(0, index=table().index, columns=range(1000)))
    with pytest.raises(DomainError, match="and 991 more") as caught:
        judged(wide.drop(columns="update"), CLAIM, margin=0.1)
    assert len(str(caught.value)) < 200
    huge = pd.DataFrame({"depth": range(1, 9001), "seed": range(9000), "update": 1.0})
    with pytest.raises(DomainError, match="names something else"):
        judged(huge, CLAIM, margin=0.1)


def test_what_is_claimed_is_a_relation_about_its_own_column() -> None:
    with pytest.raises(DomainError, match="has its sizes in column 'depth'"):
        judged(table(), CLAIM, x="width", margin=0.1)
    with pytest.raises(DomainError, match="expected a relation or a prediction, such as"):
        judged(table(), "C1.rate.depth")  # type: ignore[arg-type]


def test_copies_of_one_replicate_are_not_replicates() -> None:
    one = table(replicates=1)
    frame = pd.concat([one.assign(seed=seed) for seed in range(8)])
    judgement = judged(frame, CLAIM, margin=0.1)
    assert judgement.verdict is Verdict.INVALID
    assert "copies of one another" in judgement.reason


def test_names_with_dollars_are_no_formulas(tmp_path: Path) -> None:
    frame = table().rename(columns={"update": r"$\bad$", "depth": "$L^{$"})
    names = ("--x", "$L^{$", "--y", r"$\bad$", "--replicate", "seed")
    claim = ("--exponent", "-3/2", "--margin", "0.1", "--out", tmp_path / "report")
    assert run("judge", save(frame, tmp_path, "MyTable.csv"), *names, *claim) == 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert "measurements of MyTable.csv" in page
    assert r"<mtext>$L^{$</mtext>" in page


def test_the_setting_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="choose one of: ours, theirs"):
        judged(two(1, 2), SettingsOrdered("depth", "mine"), pair="setting", margin=0.1)


@pytest.mark.parametrize(
    ("exponent", "margin", "code", "verdict"),
    [
        ("-3/2", "0.1", 0, "accepted"),
        ("0", "0.1", 1, "rejected"),
        ("-3/2", "0.001", 3, "inconclusive"),
    ],
)
def test_the_command_prints_writes_and_exits(
    exponent: str,
    margin: str,
    code: int,
    verdict: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = save(table(), tmp_path)
    claim = ("--exponent", exponent, "--margin", margin, "--out", tmp_path / "report")
    assert run("judge", path, *OPTIONS, *claim, "--json") == code
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "report" / "report.json").read_text())
    report = Report.model_validate(printed)
    (entry,) = report.predictions
    assert entry.verdict == verdict
    assert report.table == "table.csv"
    assert report.environment.torch is None
    assert [c.size for c in entry.cells] == list(DEPTHS)
    assert entry.checks is not None
    assert len(entry.checks.local_exponents) == len(DEPTHS) - 1
    assert entry.checks.extrapolation is not None
    assert entry.checks.extrapolation.size == 128
    assert entry.checks.extrapolation.value == pytest.approx(128**-1.5, rel=0.2)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "table table.csv" in page.lower()
    assert "beyond the grid</a>, at 128" in page
    assert run("judge", path, *OPTIONS, *claim) == code
    assert verdict.upper() in capsys.readouterr().out


def test_judging_a_hundred_thousand_rows_keeps_them_all() -> None:
    frame = table(replicates=20_000)
    assert len(frame) == 100_000
    judgement = judged(frame, CLAIM, margin=0.01)
    assert judgement.replicates == 20_000
    assert judgement.verdict is Verdict.ACCEPTED


def test_the_command_compares_settings_and_finds_best_rates(tmp_path: Path) -> None:
    pairs, rates = save(two(-2, -1), tmp_path, "pairs.csv"), save(sweep(-0.5), tmp_path, "r.csv")
    paired = (*OPTIONS, "--pair", "setting", "--margin", "0.1")
    assert run("judge", pairs, *paired, "--smaller-exponent", "ours") == 0
    assert run("judge", pairs, *paired, "--smaller", "theirs") == 1
    assert run("judge", pairs, *paired, "--same-exponent") == 1
    assert run("judge", pairs, *paired, "--same") == 1
    best = (*OPTIONS, "--rate", "rate", "--margin", "0.2", "--best-rate-exponent")
    assert run("judge", rates, *best, "-1/2") == 0
    assert run("judge", rates, *best, "0") == 1
