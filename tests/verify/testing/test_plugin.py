"""The plugin in suites of other projects: what passes, what fails, and in which words."""

import json
from pathlib import Path

import pytest

from tests.verify.testing.suites import (
    EACH,
    SIZES,
    WHOLE,
    Outcomes,
    cases,
    run,
    run_alone,
    suite,
)

MODULES = ("0", "2", "4", "(network)")


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """A network whose hidden rate falls by another n^1/2 than it should."""
    folder = tmp_path_factory.mktemp("wrong")
    return run(suite(folder, 0.5, test_each=EACH, test_whole=WHOLE))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One cache for suites of the same network, wherever they are."""
    return f"--override-ini=cache_dir={tmp_path_factory.mktemp('cache')}"


def test_a_healthy_network_passes_as_a_whole_and_module_by_module(
    shared: str, tmp_path: Path
) -> None:
    found = run(suite(tmp_path, test_each=EACH, test_whole=WHOLE), shared)
    assert found.code == 0, found.output
    expected = {"test_whole", *(f"test_each[width-{module}]" for module in MODULES)}
    assert found.outcomes == dict.fromkeys(expected, "passed")


def test_a_wrong_rate_fails_its_module_and_what_it_spoils(wrong: Outcomes) -> None:
    assert wrong.outcomes == {
        "test_each[width-0]": "skipped",  # once something is rejected, only causes are decided
        "test_each[width-2]": "failed",
        "test_each[width-4]": "passed",
        "test_each[width-(network)]": "failed",  # the change of what follows the module
        "test_whole": "failed",
    }


@pytest.mark.parametrize("test", ["test_each[width-2]", "test_whole"])
def test_a_failure_reads_like_a_good_assertion(test: str, wrong: Outcomes) -> None:
    """Claim, estimate, interval, margin, cause, mend and command, and no line of ours."""
    text = wrong.texts[test]
    said = " ".join(text.replace("E  ", "").split())
    assert "claim 2.weight, own after 1 step: exponent of n 0 ± 0.1" in said
    assert "measured -0.5" in said or "measured -0.4" in said
    assert "at confidence 0.99" in said
    assert "cause The learning rate of 2.weight goes as n^-0." in said
    assert "mend Multiply the learning rate of 2.weight by n^(1/2)." in said
    assert "scaleproof guard net.py:factory --widths 32,64,128,256 --seeds 3 --steps 1" in said
    assert "family-wise error rate of 0.05" in said
    assert "verify/testing" not in text


def test_all_items_share_one_run_and_its_error_rate(tmp_path: Path) -> None:
    counting = f"""
import net
from scaleproof import scaling_checks

MADE, AFTER = [], []

def factory(width, seed):
    MADE.append(width)
    return net.factory(width, seed)

@scaling_checks(factory, {SIZES})
def test_each(scaling_check):
    scaling_check()
    AFTER.append(len(MADE))

def test_whole(scaling_guard):
    scaling_guard(factory, {SIZES})
    AFTER.append(len(MADE))

def test_last():
    assert len(AFTER) == 5
    assert len(set(AFTER)) == 1
"""
    found = run(suite(tmp_path, test_each=counting), "-p", "no:cacheprovider")
    assert found.code == 0, found.output


def test_the_mark_scaling_chooses_what_is_collected(tmp_path: Path) -> None:
    """Also that of a network in depth, whose blocks are one."""
    deep = """
from torch import nn, optim
from scaleproof import scaling_checks

def factory(width, depth, seed):
    layers = nn.Linear(8, width), *(nn.Linear(width, width) for _ in range(depth))
    model = nn.Sequential(layers[0], nn.Sequential(*layers[1:]), nn.Linear(width, 2))
    return model, optim.SGD(model.parameters()), None, abs

@scaling_checks(factory, widths=(4, 8, 16), depths=(2, 4, 8))
class TestDeep:
    def test_each(self, scaling_check): ...

def test_other(): ...
"""
    found = run(suite(tmp_path, test_deep=deep), "-m", "scaling", "--collect-only", "-q")
    assert "test_other" not in found.output
    ids = [line.partition("[")[2][:-1] for line in found.output.splitlines() if "[" in line]
    assert ids == [
        *("width-0", "width-1.0", "width-1.1", "width-2", "width-(network)"),
        *("depth-*", "depth-*.*", "depth-(network)"),
    ]


def test_an_item_run_alone_has_the_verdict_that_it_has_among_all(
    wrong: Outcomes, tmp_path: Path
) -> None:
    """Its interval is at the level that the whole family leaves to it."""
    alone = run(suite(tmp_path, 0.5, test_each=EACH), "-k", "width-2")
    assert alone.outcomes == {"test_each[width-2]": "failed"}
    name = "test_each[width-2]"
    assert alone.properties[name] == wrong.properties[name]


def test_estimate_interval_and_margin_are_properties_in_junit(shared: str, tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    run(suite(tmp_path / "suite", test_each=EACH), shared, f"--junit-xml={path}", "-k", "width-2")
    properties = cases(path)["test_each::test_each[width-2]"]
    numbers = json.loads(properties["width, 2.weight, own after 1 step"])
    low, high = numbers["interval"]
    assert low < numbers["estimate"] < high
    assert numbers["margin"] == 0.1
    assert numbers["expected"] == ["0"]
    assert numbers["verdict"] == "accepted"


def test_what_stays_undecided_is_skipped_and_says_how_many_seeds_would_decide(
    tmp_path: Path,
) -> None:
    few = EACH.replace(SIZES, "widths=(32, 40, 48), seeds=2, steps=(1,)")
    folder = suite(tmp_path, test_each=few)
    found = run(folder, "-k", "(network)")
    assert found.outcomes == {"test_each[width-(network)]": "skipped"}
    text = found.texts["test_each[width-(network)]"]
    assert "undecided: " in text
    assert "seeds would decide" in text
    strict = run(folder, "-k", "(network)", "--scaling-strict")
    assert strict.outcomes == {"test_each[width-(network)]": "failed"}


def test_a_lock_file_a_test_sees_an_eighth(shared: str, tmp_path: Path) -> None:
    folder = suite(tmp_path, test_each=EACH, test_whole=WHOLE)
    lock = "--scaling-lock=locks"
    absent = run(folder, shared, lock, "-k", "whole").texts["test_whole"]
    assert "run with --update to write it (in pytest: --scaling-update)" in absent
    assert run(folder, shared, lock, "--scaling-update").code == 0
    written = sorted(path.name for path in (folder / "locks").iterdir())
    assert written == ["test_each.py-test_each.lock.json", "test_whole.py-test_whole.lock.json"]
    assert run(folder, shared, lock).code == 0
    suite(folder, -0.125)
    found = run(folder, shared, lock)
    failed = {name for name, outcome in found.outcomes.items() if outcome == "failed"}
    assert {"test_each[width-2]", "test_whole"} <= failed
    assert "test_each[width-0]" not in failed
    said = " ".join(found.texts["test_each[width-2]"].replace("E  ", "").split())
    assert "moved width, 2.weight, own after 1 step: moved from" in said


def test_marks_choose_the_axis_and_how_much_is_measured(tmp_path: Path) -> None:
    marked = """
import pytest
from net import factory

@pytest.mark.scaling_axis("width")
@pytest.mark.scaling_profile("quick")
def test_quick(scaling_guard):
    (run,) = scaling_guard(factory).document.runs
    assert (run.axis, run.sizes, run.looks[0]) == ("width", [64, 128, 256, 512], 3)

@pytest.mark.scaling_axis("depth")
def test_no_depth(scaling_guard):
    scaling_guard(factory)

@pytest.mark.scaling_axis("width")
def test_both(scaling_guard):
    scaling_guard(factory, depths=(2, 4, 8))

@pytest.mark.scaling_profile("tiny")
def test_tiny(scaling_guard):
    scaling_guard(factory)
"""
    found = run(suite(tmp_path, test_marked=marked), "--strict-markers")
    assert found.outcomes["test_quick"] == "passed", found.output
    assert found.texts["test_no_depth"] == (
        "depths were given, and the factory takes no depth; leave them out"
    )
    assert found.texts["test_both"] == "depths are given, and the mark says width; leave one out"
    assert found.texts["test_tiny"] == (
        "unknown profile 'tiny'; choose one of: quick, standard, full"
    )


def test_a_factory_that_breaks_the_contract_is_one_item_with_one_line(tmp_path: Path) -> None:
    broken = EACH.replace(
        "from net import factory", "def factory(width, seed):\n    raise OSError('no data')"
    )
    found = run(suite(tmp_path, test_each=broken))
    assert found.outcomes == {"test_each[width-(network)]": "failed"}
    (text,) = found.texts.values()
    assert text == (
        "width 32: factory(width=32, seed=0) raised OSError: no data; mend it, then run again"
    )


def test_a_test_that_does_not_take_the_check_is_refused(tmp_path: Path) -> None:
    forgotten = EACH.replace("(scaling_check):", "():").replace("scaling_check()", "pass")
    found = run(suite(tmp_path, test_each=forgotten))
    assert "a test under @scaling_checks takes scaling_check, and calls it" in found.output
    bare = "def test_bare(scaling_check):\n    scaling_check()\n"
    found = run(suite(tmp_path / "bare", test_bare=bare))
    assert found.texts["test_bare"] == "scaling_check needs @scaleproof.scaling_checks(factory)"


def test_an_update_without_a_lock_is_refused(tmp_path: Path) -> None:
    found = run(suite(tmp_path), "--scaling-update")
    assert found.code == pytest.ExitCode.USAGE_ERROR


def test_a_kept_result_is_used_until_the_code_behind_it_changes(tmp_path: Path) -> None:
    """The file that the test imports counts as well as its own; the numbers are the same."""
    folder = suite(tmp_path, test_whole=WHOLE)
    kept = folder / ".pytest_cache" / "d" / "scaleproof"
    first = run(folder)
    (path,) = kept.glob("guard-*.json")
    before = path.stat().st_mtime_ns
    assert run(folder).properties == first.properties
    assert [p.stat().st_mtime_ns for p in kept.glob("guard-*.json")] == [before]
    path.write_text("damaged", encoding="utf-8")
    assert run(folder).properties == first.properties
    suite(folder, 0.5)
    assert run(folder).outcomes == {"test_whole": "failed"}
    assert len(list(kept.glob("guard-*.json"))) == 2


def test_a_suite_that_asks_for_nothing_loads_neither_torch_nor_our_packages(
    tmp_path: Path,
) -> None:
    heavy = ("torch", "pandas", "numpy", "scaleproof", "theory", "probes", "verify", "reports")
    unrelated = f"""
import sys

def test_nothing():
    assert "pytest_scaleproof" in sys.modules
    assert [name for name in {heavy} if name in sys.modules] == []
"""
    done = run_alone(suite(tmp_path, test_nothing=unrelated), "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout


def test_benchmarks_stay_what_they_are(shared: str, tmp_path: Path) -> None:
    timed = "def test_time(benchmark):\n    assert benchmark(sum, [1, 2]) == 3\n"
    folder = suite(tmp_path, test_each=EACH, test_time=timed)
    found = run(folder, shared, "--benchmark-max-time=0.01", "--benchmark-min-rounds=1")
    assert set(found.outcomes.values()) == {"passed"}
    assert "test_time" in found.output
    assert "Min" in found.output  # the table of benchmarks
    only = run(folder, "--benchmark-only", "--benchmark-max-time=0.01")
    assert only.outcomes.pop("test_time") == "passed"
    assert set(only.outcomes.values()) == {"skipped"}


@pytest.mark.slow
def test_two_factories_give_the_same_in_two_processes(tmp_path: Path) -> None:
    """Both processes of pytest-xdist need both guards; each is measured once, to the last bit."""
    both = EACH + EACH.replace("net", "wrong").replace("test_each", "test_wrong")
    folder = suite(tmp_path, 0.5)
    (folder / "net.py").rename(folder / "wrong.py")
    suite(folder, test_both=both)
    found = {}
    for name, options in (("one", ["-p", "no:xdist"]), ("two", ["-n", "2", "--dist=load"])):
        options += [f"--junit-xml={name}.xml", "-q", "-o", f"cache_dir={name}"]
        done = run_alone(folder, *options)
        assert done.returncode == 1, done.stdout + done.stderr
        found[name] = cases(folder / f"{name}.xml")
        assert len(list((folder / name / "d" / "scaleproof").glob("guard-*.json"))) == 2
    assert found["two"] == found["one"]
    assert len(found["one"]) == 2 * len(MODULES)
