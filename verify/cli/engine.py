"""The option ``--engine`` of the commands that run networks. Imports click and ``probes``."""

from __future__ import annotations

import click

from probes.engines import Engine

AUTO = "auto"

engine_option = click.option(
    "--engine",
    type=click.Choice([AUTO, *(str(engine) for engine in Engine)]),
    default=AUTO,
    show_default=True,
    help="How weights are held; auto takes the cheaper engine that can run a trial.",
)


def resolve_engine(name: str) -> Engine | None:
    """The engine of that name, or ``None`` for auto."""
    return None if name == AUTO else Engine(name)
