"""``assert_scaling``: a table is accepted, or an assertion says what is measured of it."""

import pandas as pd
import pytest

from scaleproof import ExponentEquals, InputError, assert_scaling
from theory.verdict import Verdict


def table(exponent: float, noise: float = 0.02) -> pd.DataFrame:
    return pd.DataFrame(
        {"depth": d, "seed": s, "update": d**exponent * (1 + noise * ((7 * s + d) % 5))}
        for s in range(8)
        for d in (4, 8, 16, 32)
    )


def test_an_accepted_table_gives_its_judgement() -> None:
    claim = ExponentEquals("depth", "-3/2")
    found = assert_scaling(table(-1.5), claim, y="update", replicate="seed", margin=0.1)
    assert found.verdict is Verdict.ACCEPTED


def test_a_rejected_table_says_estimate_interval_margin_and_call() -> None:
    claim = ExponentEquals("depth", "-3/2")
    with pytest.raises(AssertionError) as caught:
        assert_scaling(table(-1.0), claim, y="update", replicate="seed", margin=0.1)
    lines = str(caught.value).splitlines()
    assert lines[0] == "update: [exponent of depth = -3/2] is rejected"
    assert lines[1] == "  predicted -1.5 ± 0.1 [exponent of depth = -3/2]"
    assert lines[2].startswith("  measured  -1.00")
    assert lines[2].endswith("at confidence 0.95, 8 replicates")
    assert lines[-1] == (
        "  command   scaleproof.judge(frame, relation, y='update', replicate='seed', margin=0.1)"
    )


def test_an_undecided_table_says_how_many_replicates_would_decide() -> None:
    claim = ExponentEquals("depth", "-3/2")
    with pytest.raises(AssertionError, match="is inconclusive") as caught:
        assert_scaling(table(-1.45, 0.4), claim, y="update", replicate="seed", margin=0.08)
    assert "replicates" in str(caught.value).split("because", 1)[1]


def test_what_cannot_be_judged_is_no_failed_assertion() -> None:
    with pytest.raises(InputError, match="no margin"):
        assert_scaling(table(-1.5), ExponentEquals("depth", -1), y="update", replicate="seed")
