"""What does happen: finite networks, drawn at random and measured. Imports torch and ``theory``."""

from probes.costs import engine_of, group_size
from probes.engines import Engine
from probes.network import Network, Trace, WeightKey
from probes.trials import network_of, resolve_device, run_group, run_sweep
from probes.weights.gaussian_matrix import ConditionedProduct, GaussianMatrix

__all__ = [
    "ConditionedProduct",
    "Engine",
    "GaussianMatrix",
    "Network",
    "Trace",
    "WeightKey",
    "engine_of",
    "group_size",
    "network_of",
    "resolve_device",
    "run_group",
    "run_sweep",
]
