"""Files as other programs write them: dialects, exports of dashboards, folders of runs."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verify
from tests.verify.cli.test_cli import run
from theory import DomainError, ExponentEquals, Verdict
from verify.tables.read import read_table, read_tables

WIDTHS = (64, 128, 256, 512)


def sizes(seeds: int = 5) -> pd.DataFrame:
    """A measurement that goes as width^-1/2."""
    generator = np.random.default_rng(2)
    rows = [
        {"width": width, "seed": seed, "loss": width**-0.5 * np.exp(0.02 * noise)}
        for seed in range(seeds)
        for width, noise in zip(WIDTHS, generator.standard_normal(len(WIDTHS)), strict=True)
    ]
    return pd.DataFrame(rows)


def accepted(frame: pd.DataFrame, y: str = "loss") -> bool:
    claim = ExponentEquals("width", "-1/2")
    judgement = verify.judge(frame, claim, y=y, replicate="seed", margin=0.1)
    assert judgement.interval is not None
    return judgement.verdict is Verdict.ACCEPTED and judgement.replicates == 5


def as_json(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records").encode()


def as_lines(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", lines=True).encode()


SEPARATED = "fields are separated by "


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("t.csv", lambda f: f.to_csv(index=False).encode(), ()),
        ("t.tsv", lambda f: f.to_csv(index=False, sep="\t").encode(), (SEPARATED + "tabs",)),
        ("t.csv", lambda f: f.to_csv(index=False, sep=";").encode(), (SEPARATED + "semicolons",)),
        (
            "t.csv",
            lambda f: f.to_csv(index=False, sep=";", decimal=",").encode(),
            (SEPARATED + "semicolons", "decimal commas in 'loss' are points"),
        ),
        ("t.csv.gz", lambda f: gzip.compress(f.to_csv(index=False).encode()), ()),
        ("t.csv", lambda f: ("\ufeff" + f.to_csv(index=False)).replace("\n", "\r\n").encode(), ()),
        ("t.json", as_json, ()),
        ("t.json", lambda f: json.dumps(f.to_dict("records"), indent=1).encode(), ()),
        ("t.jsonl", as_lines, ()),
        ("t.json", as_lines, ()),
        ("t.jsonl.gz", lambda f: gzip.compress(as_lines(f)), ()),
    ],
)
def test_a_dialect_is_found_out_and_said(
    name: str, write: Callable[[pd.DataFrame], bytes], said: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(write(sizes()))
    table = read_tables([str(path)])
    assert table.said == said
    assert accepted(table.frame)


def test_parquet_tells_missing_from_diverged(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (scaleproof[parquet])")
    path = tmp_path / "t.parquet"
    frame = sizes()
    frame.to_parquet(path)
    assert accepted(read_table(path))
    frame["loss"] = frame["loss"].astype(object)
    frame.loc[3, "loss"] = None
    frame.to_parquet(path)
    claim, options = ExponentEquals("width", "-1/2"), {"y": "loss", "replicate": "seed"}
    judgement = verify.judge(read_table(path), claim, margin=0.1, **options)  # type: ignore[arg-type]
    assert "1 of 5 replicates miss a trial" in judgement.reason
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(DomainError, match=r"t\.parquet is no Parquet file"):
        read_table(path)


def test_a_nan_of_one_of_several_parquet_files_stays_a_nan(tmp_path: Path) -> None:
    """It was computed; only a column that a file lacks is empty there."""
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (scaleproof[parquet])")
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = sizes()
    frame.loc[3, "loss"] = np.nan  # pandas would write a null
    parts = {"a": frame[:10], "b": frame[10:].assign(note="later")}
    for name, part in parts.items():
        columns = {key: arrow.array(part[key].tolist()) for key in part}
        parquet.write_table(arrow.table(columns), tmp_path / f"{name}.parquet")
    read = read_tables([str(tmp_path / "*.parquet")]).frame
    assert read["loss"].isna().sum() == 1
    assert read["note"].tolist() == [""] * 10 + ["later"] * (len(frame) - 10)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    sizes().to_csv(path, index=False)
    once = read_tables([str(path)]).frame
    assert read_tables([str(path), str(tmp_path / "*.csv")]).frame.equals(once)


def test_parquet_without_its_reader_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DomainError, match=r"install scaleproof\[parquet\]"):
        read_table(tmp_path / "t.parquet")


def test_folders_of_runs_become_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log whose header grew begins with short rows: keys of later steps are not in them."""
    for width, seed, loss in sizes().itertuples(index=False):
        folder = tmp_path / f"width{int(width)}_seed{int(seed)}"
        folder.mkdir()
        (folder / "log.csv").write_text(f"step,iter,loss,val\n0,0,1\n1,10,{loss},0.5\n2,20,9,0.4\n")
    pattern, groups = str(tmp_path / "*" / "log.csv"), r"width(?P<width>\d+)_seed(?P<seed>\d+)"
    table = read_tables([pattern], groups)
    assert table.said == (
        "20 files, 60 rows",
        "the first 1 rows are shorter than the header: their ends are empty",
    )
    assert accepted(table.frame[table.frame["iter"] == "10"])
    options = ("--from-path", groups, "--x", "width", "--y", "loss", "--replicate", "seed")
    claim = ("--exponent", "-1/2", "--margin", "0.1")
    assert run("judge", pattern, *options, *claim, "--where", "iter=10") == 0
    assert "20 files" in capsys.readouterr().err
    files = sorted(tmp_path.glob("*/log.csv"))
    assert run("judge", *files, *options, *claim, "--where", "step=1") == 0
    capsys.readouterr()
    assert run("judge", pattern, *options, *claim) == 2
    error = capsys.readouterr().err
    assert "row 3 of" in error
    assert "repeats row 2 of" in error


def test_a_chart_of_weights_and_biases_is_made_long(tmp_path: Path) -> None:
    frame = sizes()
    columns: dict[str, list[object]] = {"Step": [10, 20]}
    for width, seed, loss in frame.itertuples(index=False):
        for end in ("", "__MIN", "__MAX"):
            columns[f"w{int(width)}-s{int(seed)} - train/loss{end}"] = ["", loss]
    path = tmp_path / "wandb_export.csv"
    pd.DataFrame(columns).to_csv(path, index=False, quoting=1)
    table = read_tables([str(path)], r"w(?P<width>\d+)-s(?P<seed>\d+)$")
    assert list(table.frame.columns) == ["Step", "train/loss", "run", "width", "seed"]
    assert "a chart of Weights & Biases: 20 runs of 'train/loss'" in table.said[0]
    assert accepted(table.frame, "train/loss")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_scalars_of_tensorboard_are_read(kind: str, tmp_path: Path) -> None:
    for width, seed, loss in sizes().itertuples(index=False):
        rows = [[1700000000.0, 0, 1.0], [1700000001.0, 100, loss]]
        path = tmp_path / f"run-w{int(width)}_s{int(seed)}-tag-loss.{kind}"
        if kind == "csv":
            pd.DataFrame(rows, columns=["Wall time", "Step", "Value"]).to_csv(path, index=False)
        else:
            path.write_text(json.dumps(rows))
    pattern = str(tmp_path / f"*.{kind}")
    frame = read_tables([pattern], r"run-w(?P<width>\d+)_s(?P<seed>\d+)-").frame
    assert accepted(frame[frame["Step"].astype(str) == "100"], "Value")


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("t.csv", b"a,b,c\n1,2,3\n1,2\n", "row 3: 2 fields under a header of 3"),
        ("t.csv", b"a,b,c\n1,2\n1,2\n", "2 fields in the longest row under a header of 3"),
        ("t.csv", b"a,b\n1,\x002\n", "holds a zero byte"),
        ("t.csv.gz", b"a,b\n1,2\n", "is not gzipped, or damaged"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "is not gzipped, or damaged"),
        ("t.json", b'{"a": 1', "row 1: not JSON"),
        ("t.json", b"[1, 2]", "row 1: 1 is no JSON object"),
        ("t.json", b"[]", "has no rows of measurements"),
        ("t.json", b"[{", "t.json: not JSON"),
    ],
)
def test_a_damaged_file_is_one_clear_line(
    name: str, data: bytes, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DomainError, match=complaint):
        read_table(path)


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        (r"width(\d+)", "names no group; a column is one"),
        (r"width(?P<width>\d+", "no regular expression"),
        (r"depth(?P<depth>\d+)", "does not match"),
        (r"(?P<loss>t)", "names 'loss', which is a column of t.csv already"),
    ],
)
def test_a_pattern_of_paths_is_checked(pattern: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    sizes().to_csv(path, index=False)
    with pytest.raises(DomainError, match=complaint):
        read_tables([str(path)], pattern)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (",,,\n,,,\n", "has no header"),
        (
            "Step,a - Step,a - Step__MIN,a - Step__MAX\n1,2,2,2\n",
            "a metric and a column of one name, 'Step'",
        ),
    ],
)
def test_a_header_that_says_nothing_is_one_clear_line(
    text: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DomainError, match=complaint):
        read_table(path)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["t.csv", "nothing.parquet"], "cannot read 'nothing.parquet'"),
        (["t.csv", "x" * 300], "unknown prediction"),
        (["t.csv", "--where", "seed=1", "--where", "seed=2"], "--where seed=2: seed is 1 already"),
    ],
)
def test_what_is_asked_twice_or_is_not_there_is_said(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    sizes().to_csv("t.csv", index=False)
    claim = ("--x", "width", "--y", "loss", "--replicate", "seed", "--margin", "0.1")
    options = claim if "x" * 300 in arguments else (*claim, "--exponent", "-1/2")
    assert run("judge", *arguments, *options) == 2
    assert complaint in capsys.readouterr().err


def test_a_pattern_of_files_without_any_is_said(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="no file matches"):
        read_tables([str(tmp_path / "runs" / "*.csv")])


def test_everything_that_is_missing_is_asked_for_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    sizes().assign(**{"x" * 500: 0}).to_csv(path, index=False)
    assert run("judge", path, "--exponent", "1") == 2
    error = capsys.readouterr().err
    for option in ("--x COLUMN", "--y COLUMN", "--replicate COLUMN", "--margin"):
        assert option in error
    assert "The table has: width, seed, loss, xxx" in error
    assert len(error) < 500
    assert run("judge", path, "A6.own.depth", "--x", "width", "--replicate", "seed") == 2
    assert "--y COLUMN (" in capsys.readouterr().err
    assert run("judge", path, "") == 2
    assert "ID '': expected a prediction" in capsys.readouterr().err
    assert run("judge") == 2
    assert "no table; give a file" in capsys.readouterr().err


def test_judging_loads_nothing_that_takes_long() -> None:
    """A small table takes less than a second of processor time, most of it pandas."""
    heavy = ("torch", "scipy.stats", "statsmodels", "matplotlib", "sklearn", "theory.catalogue")
    program = f"import sys, verify.cli.judge; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_the_observable_of_a_prediction_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    frame = sizes().rename(columns={"width": "depth"}).assign(width=4096)
    frame.to_csv(path, index=False)
    options = ("--x", "depth", "--y", "loss", "--replicate", "seed")
    run("judge", path, "C1.rate.depth", *options)
    assert "column 'loss' is taken for maximal_update_rate: " in capsys.readouterr().err


def test_names_of_any_script_are_drawn_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    sizes().rename(columns={"width": "宽度", "loss": "损失😀"}).to_csv(path, index=False)
    options = ("--x", "宽度", "--y", "损失😀", "--replicate", "seed", "--exponent", "-1/2")
    assert run("judge", path, *options, "--margin", "0.1", "--out", tmp_path / "out") == 0
    assert capsys.readouterr().err == ""
    assert "损失😀" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--value", "1e-320", "--margin", "0.1"), "expected one from 1e-100 to 1e+100"),
        (("--value", "1", "--margin", "1e308"), "margin 1e+308: expected one from 1e-12 to 1e+06"),
        (("--exponent", "1e9999999", "--margin", "0.1"), "is no rational number"),
        (("--exponent", "", "--margin", "0.1"), "exponent '' is no rational number"),
        (("--exponent", "1", "--margin", "0.1", "--by", ""), "no column ''"),
        (("--exponent", "1", "--margin", "0.1", "--where", "seed"), "expected COLUMN=VALUE"),
        (("--exponent", "1", "--margin", "0.1", "--control", ""), "expected COLUMN=VALUE"),
        (("--exponent", "1", "--margin", "0.1", "--by", "seed"), "is named for two things"),
        (("--exponent", "1", "--margin", "0.1", "--fold-blocks"), "names of --by"),
        (("--exponent", "1", "--margin", "0.1", "--replicate-by-order"), "give one of them"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    arguments: tuple[str, ...], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    sizes().to_csv(path, index=False)
    options = ("--x", "width", "--y", "loss", "--replicate", "seed")
    assert run("judge", path, *options, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert complaint in captured.err
