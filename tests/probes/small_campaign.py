"""A small campaign that covers every experiment, engine, family and option, and its numbers.

``numbers.json`` was written by the code before experiments had classes of their own. Run as a
module, this writes such a file, for a change that is meant to change numbers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from probes.engines import Engine
from probes.trials import run_sweep
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Convergence,
    Convolution,
    Coupling,
    Decoupling,
    Experiment,
    Fitting,
    Normalization,
    OneStep,
    Optimizer,
    Padding,
    Parameterization,
    Propagation,
    Setting,
    Training,
    am_mup,
    chain,
    completep,
    depth_mup,
    depth_mup_corrected,
    mean_field,
    mup,
    ntk,
    residual,
    residual_he,
    standard,
    transformer,
)
from theory.presets import mean_ode

NUMBERS = Path(__file__).with_name("numbers.json")
SEED, REPLICATES = 2027, (0, 1, 5)
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}

PROPAGATION = Propagation(batch=3)
ONE_STEP = OneStep(batch=3)
COUPLING = Coupling(batch=3)
DECOUPLING = Decoupling(batch=3)
FITTING = Fitting(batch=3, steps=2, rate=Fraction(1, 2))
CONVERGENCE = Convergence(batch=3, steps=2, rate=Fraction(1, 2), reference=Cell(12, 8))
TRAINING = Training(batch=4, steps=3, rate=Fraction(1, 8))

_LINE, _SQUARE = Convolution(1, 3, 4), Convolution(2, 3, 4, Padding.ZERO)
_BLOCKS = residual(2)
_FAMILIES: dict[str, Architecture] = {
    "chain": chain(),
    "one-layer": residual(1),
    "two-layer": _BLOCKS,
    "three-layer": residual(3, Activation.TANH),
    "normalized": residual(2, normalization=Normalization.RMS),
    "batch-normalized": residual(1, normalization=Normalization.BATCH),
    "batch-normalized-chain": replace(chain(), normalization=Normalization.BATCH),
    "post-activation": residual(2, form=BlockForm.POST_ACTIVATION),
    "centred": residual(1, Activation.GELU, BlockForm.POST_ACTIVATION_CENTRED),
    "transformer": transformer(),
    "line": replace(chain(), convolution=_LINE),
    "square": replace(residual(2), convolution=_SQUARE),
    "fixed-stream": replace(_BLOCKS, stream_width=8),
    "variance": replace(_BLOCKS, variance_factor=Fraction(5, 4)),
}
_PRESETS: dict[str, Parameterization] = {
    "standard": standard(),
    "ntk": ntk(),
    "mean-field": mean_field(),
    "mup": mup(),
    "completep": completep(),
    "half": completep("3/4"),
    "corrected": depth_mup_corrected(),
    "mean-ode": mean_ode(),
    "residual-he": residual_he(),
    "am-mup": am_mup(),
    "base": mup().from_base(Cell(6, 2)),
    "variance-convention": depth_mup().in_variance_convention(),
}
_CELLS = (Cell(8, 4), Cell(12, 2))

_ASKED_IN_TRAINING = Setting(_BLOCKS, depth_mup(), replace(TRAINING, steps=1))


def settings() -> dict[str, Setting]:
    """Every setting by name."""
    found = {}
    for name, architecture in _FAMILIES.items():
        for tried in (PROPAGATION, ONE_STEP, TRAINING):
            setting = Setting(architecture, depth_mup(), tried)
            found[f"{tried.name}.{name}"] = setting
        adam = Setting(architecture, depth_mup(Optimizer.ADAM), ONE_STEP)
        found[f"{ONE_STEP.name}.{name}.adam"] = adam
    for name, parameterization in _PRESETS.items():
        found[f"one_step.preset.{name}"] = Setting(_BLOCKS, parameterization, ONE_STEP)
    for layers in (1, 2):
        found[f"coupling.{layers}"] = Setting(residual(layers), depth_mup(), COUPLING)
        found[f"decoupling.{layers}"] = Setting(residual(layers), completep(), DECOUPLING)
    dropping = replace(_BLOCKS, dropout=Fraction(1, 4))
    found["one_step.dropout"] = Setting(dropping, depth_mup(), ONE_STEP)
    apart = {"independent_backward": True}
    of_blocks: dict[str, Experiment] = {
        "fitting": FITTING,
        "fitting.independent": replace(FITTING, **apart),  # type: ignore[arg-type]
        "fitting.path": replace(FITTING, finest=8),
        "convergence": CONVERGENCE,
        "convergence.path": replace(CONVERGENCE, finest=8),
        "convergence.independent": replace(CONVERGENCE, **apart),  # type: ignore[arg-type]
        "training.momentum": replace(TRAINING, momentum=Fraction(9, 10)),
        "training.decay": replace(TRAINING, weight_decay=Fraction(1, 10)),
        "training.path": replace(TRAINING, finest=8),
        "training.passes": replace(TRAINING, batch=512, steps=4, passes=2),
    }
    for name, experiment in of_blocks.items():
        found[name] = Setting(_BLOCKS, depth_mup(), experiment)
    with_adam = depth_mup(Optimizer.ADAM)
    found["training.adam"] = Setting(_BLOCKS, with_adam, TRAINING)
    found["training.matrix-free"] = _ASKED_IN_TRAINING
    decayed = replace(TRAINING, weight_decay=Fraction(1, 10))
    found["training.adamw"] = Setting(_BLOCKS, with_adam, decayed)
    return found


def engines_of(setting: Setting) -> tuple[Engine, ...]:
    """The engines that can run a setting."""
    experiment = setting.experiment
    shares = experiment.reference is not None or experiment.finest is not None
    if shares or setting.parameterization.optimizer is Optimizer.ADAM:
        return (Engine.DENSE,)
    # Training asks 256 held-out images of a matrix that is not there, which takes seconds.
    slow = isinstance(experiment, Training) and setting != _ASKED_IN_TRAINING
    return (Engine.DENSE,) if slow else tuple(Engine)


def rates_of(setting: Setting) -> tuple[Fraction, ...]:
    """One rate, and two where networks are trained."""
    rate = setting.experiment.rate
    return (rate, rate * 2) if isinstance(setting.experiment, Training) else (rate,)


def measure(setting: Setting, engine: Engine, precision: str) -> dict[str, list[float]]:
    """Observable at cell and rate: the numbers of three replicates."""
    cells = [Cell(12, 4)] if setting.experiment.reference is not None else list(_CELLS)
    device, numbers = torch.device("cpu"), {}
    for cell in cells:
        rates = rates_of(setting)
        sweep = run_sweep(
            setting, rates, cell, SEED, REPLICATES, device, PRECISIONS[precision], engine
        )
        for rate, measured in zip(rates, sweep, strict=True):
            for observable, values in measured.items():
                name = f"{observable} at {cell}, rate {rate}"
                numbers[name] = [float(value) for value in np.asarray(values)]
    return numbers


def processor() -> str:
    """What rounding depends on: products are added up in another order by another processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    kinds = [line.split(":")[1].strip() for line in lines if line.startswith(("model", "cpu fam"))]
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{'; '.join(sorted(set(kinds)))}; {capability}; torch {torch.__version__}"


def small_campaign() -> dict[str, dict[str, dict[str, list[float]]]]:
    """By precision and trial, everything that is measured, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            precision: {
                f"{name}, {engine}": measure(setting, engine, precision)
                for name, setting in settings().items()
                for engine in engines_of(setting)
            }
            for precision in PRECISIONS
        }
    finally:
        torch.set_num_threads(threads)


def digest(numbers: dict[str, list[float]]) -> str:
    """The last bit of every number of a trial."""
    text = "; ".join(f"{name}: {[value.hex() for value in each]}" for name, each in numbers.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    """Write the numbers in double precision, and digests of those in single precision."""
    measured = small_campaign()
    document = {
        "processor": processor(),
        "float32": {trial: digest(numbers) for trial, numbers in measured["float32"].items()},
        "float64": measured["float64"],
    }
    NUMBERS.write_text(json.dumps(document) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
