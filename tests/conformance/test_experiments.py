"""What every experiment does that a module of ``probes.experiments`` has registered.

A new experiment passes by being registered: nothing is added here, but a small value in
``tests.experiments`` for a required field that no other experiment has.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

import theory.observables
from probes.costs import COSTS, estimate
from probes.engines import Engine, needs_matrices
from probes.experiments import Trial, products, run
from probes.experiments.base import Measured, Products
from probes.experiments.moments import kurtosis
from probes.trials import network_of, run_group
from tests.experiments import EXPERIMENTS, small
from theory import Cell, DomainError, Experiment, Observable, Setting, depth_mup, residual

REGISTERED = sorted(set(run.registry) - {object}, key=lambda kind: kind.name)
CELL, REFERENCE = Cell(8, 2), Cell(8, 4)
REPLICATES = (0, 1, 4)
CPU = torch.device("cpu")

every_experiment = pytest.mark.parametrize("kind", REGISTERED, ids=lambda kind: kind.name)


def setting_of(kind: type[Experiment]) -> Setting:
    """Two-layer blocks, in which every observable is measured."""
    return Setting(residual(2), depth_mup(), small(kind, reference=REFERENCE))


def measures_what_names_it(kind: type[Experiment], engine: Engine) -> None:
    setting = setting_of(kind)
    if engine is Engine.MATRIX_FREE and needs_matrices(setting):
        with pytest.raises(DomainError, match="take the dense engine"):
            run_group(setting, CELL, 3, REPLICATES, CPU, torch.float64, engine)
        return
    measured = run_group(setting, CELL, 3, REPLICATES, CPU, torch.float64, engine)
    assert set(measured) == {o for o in Observable if o.experiment is kind}
    for observable, values in measured.items():
        assert values.shape == (len(REPLICATES),), observable
        assert np.isfinite(values).all(), observable
        assert len(set(values)) > 1, observable
    (alone,) = (
        {
            o: float(v[0])
            for o, v in run_group(setting, CELL, 3, [4], CPU, torch.float64, engine).items()
        },
    )
    assert alone == pytest.approx({o: float(v[2]) for o, v in measured.items()}, rel=1e-9)


def is_priced(kind: type[Experiment]) -> None:
    setting = setting_of(kind)
    made = products(setting.experiment)
    assert made
    assert all(inputs >= 1 for inputs, _ in made)
    assert any(asks for _, asks in made), "an experiment asks at least one pass of the weights"
    for engine in Engine:
        cost = estimate(engine, network_of(setting, CELL), setting.experiment, COSTS["cpu"])
        assert min(cost.calls, cost.work, cost.numbers) > 0


def says_what_it_is(kind: type[Experiment]) -> None:
    experiment = small(kind, reference=REFERENCE)
    assert kind.name.isidentifier()
    assert str(experiment.batch) in str(experiment)
    assert "object at" not in str(experiment)
    assert f'"{kind.name}"' in setting_of(kind).key()
    assert experiment == small(kind, reference=REFERENCE)
    assert hash(experiment) == hash(small(kind, reference=REFERENCE))
    assert experiment.at_rate(experiment.rate) == experiment


@every_experiment
@pytest.mark.parametrize("engine", Engine)
def test_it_measures_every_observable_that_names_it(kind: type[Experiment], engine: Engine) -> None:
    measures_what_names_it(kind, engine)


@every_experiment
def test_what_it_takes_is_known_on_every_engine(kind: type[Experiment]) -> None:
    is_priced(kind)


@every_experiment
def test_it_has_a_name_words_and_a_key(kind: type[Experiment]) -> None:
    says_what_it_is(kind)


def test_every_experiment_that_an_observable_names_is_registered_under_its_own_name() -> None:
    assert REGISTERED == EXPERIMENTS
    assert set(products.registry) == set(run.registry)
    assert len({kind.name for kind in REGISTERED}) == len(REGISTERED)


@dataclass(frozen=True, slots=True)
class Doubling(Experiment):
    """An experiment of a stranger: the kurtosis for inputs of twice the size."""

    name: ClassVar[str] = "doubling"

    def __str__(self) -> str:
        return f"initialization, {self.batch} inputs of twice the size"


def test_an_experiment_of_a_stranger_passes_by_being_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = setting_of(Doubling)
    with pytest.raises(NotImplementedError, match=r"doubling: no module of probes\.experiments"):
        run_group(setting, CELL, 3, REPLICATES, CPU)

    @run.register
    def _run(experiment: Doubling, trial: Trial) -> Measured:
        inputs, _ = trial.examples(experiment.batch)
        stream = trial.network.forward(trial.weights, 2 * inputs).stream
        return {Observable.KURTOSIS: kurtosis(stream[-1])}

    @products.register
    def _products(experiment: Doubling) -> Products:
        return [(experiment.batch, True)]

    definitions = theory.observables._DEFINITIONS
    monkeypatch.setitem(definitions, Observable.KURTOSIS, (Doubling, "as its module says"))
    for engine in Engine:
        measures_what_names_it(Doubling, engine)
    is_priced(Doubling)
    says_what_it_is(Doubling)
