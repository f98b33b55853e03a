"""The front door: everything public by name, imported when it is first used.

Imports the standard library, and ``theory``, ``verify``, ``reports`` or ``probes`` where a name is
in it. Where another module has the name of one of these and hides it, importing this one says so.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes import (
        ConditionedProduct,
        Engine,
        GaussianMatrix,
        Network,
        Trace,
        WeightKey,
        engine_of,
        group_size,
        network_of,
        resolve_device,
        run_group,
        run_sweep,
    )
    from reports import (
        RENDERERS,
        json_schema,
        reason_text,
        shipped_json_schema,
    )
    from theory import (
        Activation,
        Architecture,
        Axis,
        BestRateDrifts,
        BestRateExponentEquals,
        BlockForm,
        Cell,
        Citation,
        Control,
        Convergence,
        Convolution,
        Coupling,
        CurveEquals,
        Decoupling,
        Diagnosis,
        Direction,
        DomainError,
        ExcessExponentAtMost,
        ExcessExponentEquals,
        Experiment,
        ExponentAtMost,
        ExponentEquals,
        ExponentOfCurve,
        ExponentsEqual,
        ExponentsOrdered,
        Family,
        Fitting,
        GeometricMeanEquals,
        Grid,
        InputError,
        Normalization,
        NoTheoryError,
        Observable,
        OneStep,
        Optimizer,
        Padding,
        Parameterization,
        Parts,
        Power,
        Prediction,
        Profile,
        Propagation,
        Regime,
        Relation,
        Rival,
        Role,
        RoleScaling,
        Setting,
        SettingsEqual,
        SettingsOrdered,
        Standing,
        Training,
        TransferRegretAtMost,
        TunedOrdered,
        UnavailableError,
        ValueAtMost,
        ValueEquals,
        Verdict,
        am_mup,
        chain,
        completep,
        count_powers,
        depth_mup,
        depth_mup_corrected,
        diagnose,
        mean_field,
        mup,
        ntk,
        on_images,
        predictions_of,
        product,
        rational,
        ray,
        residual,
        residual_he,
        standard,
        transformer,
    )
    from verify import (
        Answer,
        Campaign,
        Claim,
        Evidence,
        Guard,
        Judgement,
        Measured,
        Outlook,
        Pilot,
        RateTable,
        Report,
        Store,
        TooLittleMemoryError,
        TunedRate,
        assert_scaling,
        build_report,
        conclude,
        find,
        guard,
        judge,
        judge_campaign,
        keep_verdicts,
        maximal_update_setting,
        measure,
        measure_rates,
        outlooks,
        recorded,
        run_pilot,
        scaling_checks,
        select,
        tabulate_rates,
        weigh,
    )

__version__ = "0.1.0"

__all__ = [
    "RENDERERS",
    "Activation",
    "Answer",
    "Architecture",
    "Axis",
    "BestRateDrifts",
    "BestRateExponentEquals",
    "BlockForm",
    "Campaign",
    "Cell",
    "Citation",
    "Claim",
    "ConditionedProduct",
    "Control",
    "Convergence",
    "Convolution",
    "Coupling",
    "CurveEquals",
    "Decoupling",
    "Diagnosis",
    "Direction",
    "DomainError",
    "Engine",
    "Evidence",
    "ExcessExponentAtMost",
    "ExcessExponentEquals",
    "Experiment",
    "ExponentAtMost",
    "ExponentEquals",
    "ExponentOfCurve",
    "ExponentsEqual",
    "ExponentsOrdered",
    "Family",
    "Fitting",
    "GaussianMatrix",
    "GeometricMeanEquals",
    "Grid",
    "Guard",
    "InputError",
    "Judgement",
    "Measured",
    "Network",
    "NoTheoryError",
    "Normalization",
    "Observable",
    "OneStep",
    "Optimizer",
    "Outlook",
    "Padding",
    "Parameterization",
    "Parts",
    "Pilot",
    "Power",
    "Prediction",
    "Profile",
    "Propagation",
    "RateTable",
    "Regime",
    "Relation",
    "Report",
    "Rival",
    "Role",
    "RoleScaling",
    "Setting",
    "SettingsEqual",
    "SettingsOrdered",
    "Standing",
    "Store",
    "TooLittleMemoryError",
    "Trace",
    "Training",
    "TransferRegretAtMost",
    "TunedOrdered",
    "TunedRate",
    "UnavailableError",
    "ValueAtMost",
    "ValueEquals",
    "Verdict",
    "WeightKey",
    "am_mup",
    "assert_scaling",
    "build_report",
    "chain",
    "completep",
    "conclude",
    "count_powers",
    "depth_mup",
    "depth_mup_corrected",
    "diagnose",
    "engine_of",
    "find",
    "group_size",
    "guard",
    "json_schema",
    "judge",
    "judge_campaign",
    "keep_verdicts",
    "maximal_update_setting",
    "mean_field",
    "measure",
    "measure_rates",
    "mup",
    "network_of",
    "ntk",
    "on_images",
    "outlooks",
    "predictions_of",
    "product",
    "rational",
    "ray",
    "reason_text",
    "recorded",
    "residual",
    "residual_he",
    "resolve_device",
    "run_group",
    "run_pilot",
    "run_sweep",
    "scaling_checks",
    "select",
    "shipped_json_schema",
    "standard",
    "tabulate_rates",
    "transformer",
    "weigh",
]

# In this order a name is looked for: what takes longest to import comes last.
_PACKAGES = ("theory", "verify", "reports", "probes")


def __getattr__(name: str) -> object:
    if name in __all__:
        for package in map(import_module, _PACKAGES):
            if name in package.__all__:
                return getattr(package, name)
    if name == "strategies":  # needs hypothesis, and is no name among others
        return import_module("verify.strategies")
    raise AttributeError(f"module 'scaleproof' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def main() -> None:
    """Run the command line, in a process of its own."""
    from verify.cli import main as run_command_line
    from verify.cli.interrupts import end_in_peace

    if not sys.warnoptions:  # nobody at a shell can mend what a library warns of
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # and workers do the same
    logging.lastResort = logging.NullHandler()
    try:
        run_command_line()
    finally:
        end_in_peace()


def _intruder() -> str | None:
    """What is wrong where another module has the name of one of our packages, and comes first.

    Nothing is imported to find out.
    """
    home = Path(__file__).parent
    for package in _PACKAGES:
        spec = find_spec(package)
        place = None if spec is None else spec.origin
        if place and Path(place).resolve() != (home / package / "__init__.py").resolve():
            return (
                f"{place} hides the package {package!r} of scaleproof; rename it, or take its "
                "folder off the path"
            )
    return None


if _problem := _intruder():
    # The installed command imports this module before it calls ``main``: an error would be a
    # traceback there.
    if Path(sys.argv[0]).stem == "scaleproof":
        sys.stderr.write(f"scaleproof: {_problem}\n")
        sys.exit(2)
    raise ImportError(_problem, name="scaleproof")

if __name__ == "__main__":
    main()
