"""What does happen: finite networks, drawn at random and measured. Imports torch and ``theory``."""

from probes.architectures import Network, Trace, WeightKey
from probes.trials import group_size, network_of, resolve_device, run_group

__all__ = [
    "Network",
    "Trace",
    "WeightKey",
    "group_size",
    "network_of",
    "resolve_device",
    "run_group",
]
