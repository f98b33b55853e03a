"""Whatever is done to stores, in whatever order: no measurement is lost, doubled or made up."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from theory import Observable
from verify.measuring import archive
from verify.measuring.store import Store

OBSERVABLES = (Observable.STREAM_CHANGE, Observable.OUTPUT_CHANGE)
stores = st.sampled_from(["a", "b"])
trials = st.sampled_from(["one", "two"])
replicates = st.integers(0, 5)


def value(trial: str, replicate: int, observable: Observable) -> float:
    """What a trial measures, whoever measures it; some diverge."""
    if replicate == 4:
        return float("nan")
    return float(len(trial) + 10 * replicate + 100 * OBSERVABLES.index(observable))


class Stores(RuleBasedStateMachine):
    """Two files, each with the set of (trial, replicate) that it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.open = {name: Store(self.folder / f"{name}.sqlite") for name in "ab"}
        self.held: dict[str, set[tuple[str, int]]] = {"a": set(), "b": set()}
        self.failed: dict[str, set[tuple[str, int]]] = {"a": set(), "b": set()}

    @rule(name=stores, trial=trials, group=st.sets(replicates, min_size=1))
    def measure(self, name: str, trial: str, group: set[int]) -> None:
        measured = {
            one: np.array([value(trial, replicate, one) for replicate in group])
            for one in OBSERVABLES
        }
        self.open[name].add(trial, list(group), measured)
        added = {(trial, replicate) for replicate in group}
        self.held[name] |= added
        self.failed[name] -= added

    @rule(name=stores, trial=trials, replicate=replicates)
    def give_up(self, name: str, trial: str, replicate: int) -> None:
        known = any(key == trial for key, _ in self.held[name])
        if known and (trial, replicate) not in self.held[name]:
            self.open[name].add_failure(trial, [replicate], 3, "died")
            self.failed[name].add((trial, replicate))

    @rule(name=stores)
    def open_again(self, name: str) -> None:
        self.open[name].close()
        self.open[name] = Store(self.folder / f"{name}.sqlite")

    @rule(name=stores)
    def stop_without_closing(self, name: str) -> None:
        """A killed process leaves its log; another one finds everything in it."""
        copy = self.folder / "copy"
        copy.mkdir(exist_ok=True)
        for file in self.folder.glob(f"{name}.sqlite*"):
            shutil.copy(file, copy / file.name)
        self.open[name].close()
        for file in self.folder.glob(f"{name}.sqlite*"):
            file.unlink()
        for file in copy.iterdir():
            file.rename(self.folder / file.name)
        self.open[name] = Store(self.folder / f"{name}.sqlite")

    @rule(into=stores)
    def merge(self, into: str) -> None:
        other = "b" if into == "a" else "a"
        done = archive.merge(self.open[into], self.folder / f"{other}.sqlite")
        new = self.held[other] - self.held[into]
        assert done == archive.Merged(len(OBSERVABLES) * len(new), 0)
        self.held[into] |= self.held[other]
        self.failed[into] = (self.failed[into] | self.failed[other]) - self.held[into]

    @invariant()
    def each_holds_what_it_should(self) -> None:
        for name, store in self.open.items():
            rows = store.read(
                "SELECT key, replicate, observable, value FROM measurements "
                "JOIN trials ON trials.id = trial"
            )
            found = sorted((key, k, one, -1.0 if v is None else v) for key, k, one, v in rows)
            assert found == sorted(
                (trial, k, str(one), -1.0 if k == 4 else value(trial, k, one))
                for trial, k in self.held[name]
                for one in OBSERVABLES
            )
            assert len(store.failures()) == len(self.failed[name])
            for trial in ("one", "two"):
                held = {k for key, k in self.held[name] if key == trial}
                assert store.replicates(trial, range(6)) == held

    def teardown(self) -> None:
        for store in self.open.values():
            store.close()
        shutil.rmtree(self.folder)


Stores.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestStores = Stores.TestCase
