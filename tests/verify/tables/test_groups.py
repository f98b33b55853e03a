"""Groups of a table as one family: what is kept, folded, left out and controlled."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import verify
from tests.verify.cli.test_cli import run
from theory import DomainError, ExponentAtMost, ExponentEquals, ExponentsOrdered, Verdict

WIDTHS = (64, 128, 256, 512)
FLAT = ExponentAtMost("width", 0)


def check(
    exponents: dict[str, float], seeds: int = 6, spread: float = 0.05, **columns: object
) -> pd.DataFrame:
    """A coordinate check: l1 = width^exponent of every module, at two steps; 0 where it is nan."""
    generator = np.random.default_rng(1)
    rows = []
    for t in (1, 2):
        for seed in range(seeds):
            for width in WIDTHS:
                for module, exponent in exponents.items():
                    noise = np.exp(spread * generator.standard_normal())
                    size = 0.0 if np.isnan(exponent) else width**exponent * noise
                    rows.append({"t": t, "width": width, "seed": seed, "module": module, **columns})
                    rows[-1]["l1"] = size
    return pd.DataFrame(rows)


def judged(frame: pd.DataFrame, **options: Any) -> verify.Judgement:
    chosen = {"y": "l1", "replicate": "seed", "margin": 0.25, "by": ("module", "t"), **options}
    return verify.judge(frame, FLAT, **chosen)


def test_every_group_has_a_verdict_and_the_worst_is_that_of_the_table() -> None:
    judgement = judged(check({"fc_1": 0.0, "": 1.0}))
    found = {label: group.verdict for label, group in judgement.groups.items()}
    assert found == {
        "module=fc_1, t=1": Verdict.ACCEPTED,
        "module='', t=1": Verdict.REJECTED,
        "module=fc_1, t=2": Verdict.ACCEPTED,
        "module='', t=2": Verdict.REJECTED,
    }
    assert judgement.verdict is Verdict.REJECTED
    assert judgement.reason.startswith("2 accepted, 2 rejected; the worst is module='', t=")


def test_groups_share_the_error_rate() -> None:
    """An interval among many groups is wider than that of the same rows alone."""
    frame = check({f"h.{i}": 0.2 for i in range(30)}, spread=0.3)
    many = judged(frame).groups["module=h.3, t=1"].interval
    alone = judged(frame, by=(), where={"module": "h.3", "t": 1.0}).interval
    assert many is not None
    assert alone is not None
    assert many.estimate == pytest.approx(alone.estimate)
    assert many.level < alone.level
    assert many.high - many.low > 2 * (alone.high - alone.low)


def test_a_group_that_is_exactly_zero_is_left_out_of_the_family() -> None:
    judgement = judged(check({"fc": 0.0, "readout": np.nan}))
    assert judgement.verdict is Verdict.ACCEPTED
    assert set(judgement.left_out) == {"module=readout, t=1", "module=readout, t=2"}
    why = judgement.left_out["module=readout, t=1"]
    assert why == "all 24 measurements are exactly zero; a bound on it holds"
    of_one = judged(check({"fc": 0.0}), by=(), where={"t": 1}).interval
    in_two = judgement.groups["module=fc, t=1"].interval
    assert of_one is not None
    assert in_two is not None
    assert in_two.level >= of_one.level / 2
    with pytest.raises(DomainError, match="nothing is left to judge: all 24 measurements"):
        judged(check({"readout": np.nan}))


def test_blocks_of_a_stack_are_one_group() -> None:
    blocks = {f"h.{block}.{name}": 0.0 for block in range(3) for name in ("attn", "mlp")}
    judgement = judged(check({**blocks, "0": 0.0}), fold_blocks=True)
    assert set(judgement.groups) == {
        f"module={name}, t={t}" for name in ("h.*.attn", "h.*.mlp", "0") for t in (1, 2)
    }
    grows = judged(check({**blocks, "h.1.attn": 1.0}), fold_blocks=True)
    assert grows.groups["module=h.*.attn, t=2"].verdict is Verdict.REJECTED
    with pytest.raises(DomainError, match="no name in the columns of --by has a number between"):
        judged(check({"fc_1": 0.0, "fc_2": 0.0}), fold_blocks=True)


def test_a_stack_of_any_depth_is_folded() -> None:
    """Along depth the blocks are not the same ones; each size has the mean of its own."""
    generator = np.random.default_rng(3)
    rows = [
        {"L": depth, "seed": seed, "module": f"h.{block}", "l1": generator.uniform(0.9, 1.1)}
        for depth in (2, 4, 8, 16)
        for seed in range(5)
        for block in range(depth)
    ]
    judgement = verify.judge(
        pd.DataFrame(rows), ExponentEquals("L", 0), y="l1", replicate="seed", margin=0.1,
        by="module", fold_blocks=True,
    )  # fmt: skip
    assert judgement.groups["module=h.*"].verdict is Verdict.ACCEPTED
    alone = verify.judge(
        pd.DataFrame(rows), ExponentEquals("L", 0), y="l1", replicate="seed", margin=0.5,
        by="module",
    )  # fmt: skip
    assert alone.left_out["module=h.15"] == "one size (L = 16)"


def test_repeated_rows_are_replicates_only_where_it_is_said() -> None:
    frame = check({"fc": 1.0})
    unnamed = frame.drop(columns="seed")
    by_seed = judged(frame).groups["module=fc, t=1"].interval
    by_order = judged(unnamed, replicate=None, replicate_by_order=True)
    assert by_order.groups["module=fc, t=1"].interval == by_seed
    with pytest.raises(DomainError, match=r"--by or --where names .* --replicate-by-order"):
        judged(frame, by="module")
    for neither in ({"replicate": None}, {"replicate_by_order": True}):
        with pytest.raises(DomainError, match="one of the two"):
            judged(frame, **neither)


def test_a_control_vouches_for_a_decision() -> None:
    own, other = check({"fc": 0.0}, rule="mup"), check({"fc": 1.0}, rule="sp")
    both = pd.concat([own, other], ignore_index=True)
    vouched = judged(both, control=("rule", "sp"))
    assert vouched.verdict is Verdict.ACCEPTED
    assert "without a negative control" not in vouched.reason
    flat = pd.concat([own, check({"fc": 0.0}, rule="sp")], ignore_index=True)
    alone = judged(flat, control=("rule", "sp"))
    assert alone.verdict is Verdict.INVALID
    assert "negative control 'rule=sp' is accepted, not rejected" in alone.reason
    with pytest.raises(DomainError, match="every row is of it"):
        judged(own, control=("rule", "mup"))


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ({"t": 9}, "no row has t=9; column 't' has: '1', '2'"),
        ({"step": 1}, "no column 'step'"),
        ({"width": 64}, "column 'width' is both judged and held at 64"),
    ],
)
def test_rows_that_are_asked_for_have_to_be_there(where: dict[str, object], complaint: str) -> None:
    with pytest.raises(DomainError, match=complaint):
        judged(check({"fc": 0.0}), by="module", where=where)


def test_a_number_is_one_name_however_it_is_written() -> None:
    frame = check({"fc": 0.0}).astype({"seed": object, "t": object})
    frame.loc[frame["width"] == 128, "seed"] = [
        f"{seed:02d}.0" for seed in frame.loc[frame["width"] == 128, "seed"]
    ]
    frame.loc[frame["seed"] == 3, "t"] = frame["t"].map("{}.0".format)
    judgement = judged(frame)
    assert [group.replicates for group in judgement.groups.values()] == [6, 6]
    names = frame.assign(seed=[f"run {seed}" for seed in frame["seed"]])
    assert "12 replicates" in judged(names, by="t", where={"module": "fc"}).reason


def test_several_columns_are_groups() -> None:
    wide = check({"a": 0.0}).rename(columns={"l1": "attn_abs"}).query("t == 1")
    wide["mlp_abs"] = wide["attn_abs"] * wide["width"]
    for y in ("attn_abs,mlp_abs", "*_abs"):
        judgement = judged(wide, y=y, by=())
        assert judgement.groups["measurement=attn_abs"].verdict is Verdict.ACCEPTED
        assert judgement.groups["measurement=mlp_abs"].verdict is Verdict.REJECTED
    with pytest.raises(DomainError, match="no column 'grad_abs'"):
        judged(wide, y="attn_abs,grad_abs", by=())


def test_a_setting_may_be_called_nothing_and_an_unset_variable_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = check({"": 0.0, "fc": 1.0}).query("t == 1")
    smaller = ExponentsOrdered("width", "fc")
    judgement = verify.judge(frame, smaller, y="l1", replicate="seed", pair="module", margin=0.1)
    assert judgement.verdict is Verdict.ACCEPTED
    path = tmp_path / "table.csv"
    options = ("--x", "width", "--y", "l1", "--replicate", "seed", "--pair", "module")
    frame.to_csv(path, index=False)
    assert run("judge", path, *options, "--margin", "0.1", "--smaller-exponent", "") == 0
    frame.replace({"module": {"": "ln"}}).to_csv(path, index=False)
    capsys.readouterr()
    assert run("judge", path, *options, "--margin", "0.1", "--smaller-exponent", "") == 2
    assert "--smaller-exponent '': expected one of two settings" in capsys.readouterr().err


def test_an_exact_law_has_an_exponent_without_a_spread() -> None:
    """Adam's first step moves a bias by the rate, and weight decay takes rate times decay."""
    frame = check({"bias": -1.0, "gain": 0.0}, spread=0.0)
    frame["l1"] = frame["l1"].astype(np.float32)
    judgement = judged(frame)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "no spread: the replicates are equal" in judgement.groups["module=bias, t=1"].reason
    other = verify.judge(
        frame, ExponentEquals("width", 0), y="l1", replicate="seed", margin=0.1, by=("module", "t")
    )
    assert other.groups["module=bias, t=1"].verdict is Verdict.REJECTED
    assert other.groups["module=gain, t=1"].verdict is Verdict.ACCEPTED


def test_zeros_are_refused_with_their_cells_or_taken_as_missing() -> None:
    frame = check({"fc": 0.0}, seeds=20).query("t == 1").reset_index(drop=True)
    frame.loc[[5, 9], "l1"] = 0.0
    with pytest.raises(DomainError, match=r"2 of 80 are exactly zero \(width = 128: 2\)"):
        judged(frame, by=())
    judgement = judged(frame, by=(), zeros="missing")
    assert judgement.verdict is Verdict.ACCEPTED
    assert judgement.replicates == 18
    assert "2 measurements are exactly zero and taken as missing" in judgement.reason
    with pytest.raises(DomainError, match="zeros 'drop': expected one of refuse, missing"):
        judged(frame, by=(), zeros="drop")


def test_one_replicate_is_at_most_inconclusive() -> None:
    frame = check({"fc": 1.0}, seeds=1, spread=0.01)
    judgement = judged(frame)
    (group, _) = judgement.groups.values()
    assert group.verdict is Verdict.INCONCLUSIVE
    assert group.interval is not None
    assert group.interval.low > 0.9
    assert group.replicates_needed == 2
    assert "one replicate decides nothing" in group.reason
    two_sizes = judged(frame[frame["width"] < 200])
    assert two_sizes.verdict is Verdict.INCONCLUSIVE
    assert "as many sizes as the line has parameters" in two_sizes.reason


def test_a_null_of_a_nullable_column_is_missing_and_a_nan_diverged() -> None:
    frame = check({"fc": 0.0}, seeds=20).query("t == 1").reset_index(drop=True)
    nullable = frame.astype({"l1": "Float64"})
    nullable.loc[3, "l1"] = pd.NA
    assert "1 of 20 replicates miss a trial" in judged(nullable, by=()).reason
    frame.loc[3, "l1"] = np.nan
    assert judged(frame, by=()).verdict is Verdict.INVALID
    sizes = nullable.astype({"width": "Int64"})
    sizes.loc[3, "width"] = pd.NA
    with pytest.raises(DomainError, match="null in column 'width': expected a number"):
        judged(sizes, by=())
    with pytest.raises(DomainError, match="holds complex numbers"):
        judged(frame.astype({"l1": complex}), by=())


def test_what_is_empty_may_have_diverged() -> None:
    frame = check({"fc": 0.0}).query("t == 1").astype({"l1": object})
    frame.loc[frame["width"] >= 256, "l1"] = ""
    missing = judged(frame, by=())
    assert missing.verdict is Verdict.INVALID
    assert "missing: width = 256: 6 of 6; width = 512: 6 of 6" in missing.reason
    diverged = judged(frame, by=(), empty="diverged")
    assert diverged.verdict is Verdict.REJECTED
    assert "diverged: width = 256: 6 of 6; width = 512: 6 of 6" in diverged.reason


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"width": 1e308}, "1e.308 in column 'width': expected a positive number, at most 1e.100"),
        ({"l1": 1e-310}, "1e-310 in column 'l1' is below 1e-100; give it in another unit"),
    ],
)
def test_numbers_at_the_ends_of_floats_are_refused(
    change: dict[str, float], complaint: str
) -> None:
    frame = check({"fc": 0.0}).astype({"width": float})
    for column, value in change.items():
        frame.loc[3, column] = value
    with pytest.raises(DomainError, match=complaint):
        judged(frame)


def test_a_measurement_beyond_all_bounds_diverged() -> None:
    frame = check({"fc": 0.0}, seeds=12)
    frame.loc[frame["width"] == 512, "l1"] = 1e300
    assert judged(frame).verdict is Verdict.REJECTED


def test_many_groups_and_many_sizes_are_refused() -> None:
    steps = pd.DataFrame({"width": range(1, 2001), "seed": 0, "l1": 1.0})
    with pytest.raises(DomainError, match="at most 1000 sizes of networks"):
        judged(pd.concat([steps, steps.assign(seed=1)]), by=())
    groups = steps.assign(module=steps["width"], t=0, width=64)
    many = pd.concat([groups.assign(module=groups["module"] + 2000 * k) for k in range(3)])
    with pytest.raises(DomainError, match="--by module,t names 6000 groups; expected at most 5000"):
        judged(many)
