"""The console on which tables are printed. Imports rich."""

from rich.console import Console

_PIPED_WIDTH = 140


def stdout_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for every table in a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)
