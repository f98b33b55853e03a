"""What should happen: exponents, parameterizations, exact recursions and the catalogue.

Imports numpy, scipy, mpmath and the standard library; never torch, never the other packages.
"""

from theory.architecture import (
    Activation,
    Architecture,
    BlockForm,
    Family,
    Normalization,
    Role,
    chain,
    residual,
    transformer,
)
from theory.convolution import Convolution, Padding
from theory.errors import DomainError
from theory.experiment import Experiment, Observable, Protocol, Setting
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.power_counting import count_powers, diagnose
from theory.prediction import Citation, Control, Grid, Prediction, Profile, Regime, Rival, Verdict
from theory.presets import (
    am_mup,
    completep,
    depth_mup,
    depth_mup_corrected,
    mean_field,
    mup,
    ntk,
    residual_he,
    standard,
)
from theory.relations import (
    BestRateDrifts,
    BestRateExponentEquals,
    CurveEquals,
    Direction,
    ExcessExponentEquals,
    ExponentAtMost,
    ExponentEquals,
    ExponentsEqual,
    ExponentsOrdered,
    Relation,
    SettingsOrdered,
    TunedOrdered,
    ValueAtMost,
    ValueEquals,
)
from theory.scaling import Axis, Cell, Power, rational

__all__ = [
    "Activation",
    "Architecture",
    "Axis",
    "BestRateDrifts",
    "BestRateExponentEquals",
    "BlockForm",
    "Cell",
    "Citation",
    "Control",
    "Convolution",
    "CurveEquals",
    "Direction",
    "DomainError",
    "ExcessExponentEquals",
    "Experiment",
    "ExponentAtMost",
    "ExponentEquals",
    "ExponentsEqual",
    "ExponentsOrdered",
    "Family",
    "Grid",
    "Normalization",
    "Observable",
    "Optimizer",
    "Padding",
    "Parameterization",
    "Power",
    "Prediction",
    "Profile",
    "Protocol",
    "Regime",
    "Relation",
    "Rival",
    "Role",
    "RoleScaling",
    "Setting",
    "SettingsOrdered",
    "TunedOrdered",
    "ValueAtMost",
    "ValueEquals",
    "Verdict",
    "am_mup",
    "chain",
    "completep",
    "count_powers",
    "depth_mup",
    "depth_mup_corrected",
    "diagnose",
    "mean_field",
    "mup",
    "ntk",
    "rational",
    "residual",
    "residual_he",
    "standard",
    "transformer",
]
