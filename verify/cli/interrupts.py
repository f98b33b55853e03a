"""Ctrl-C and SIGTERM end a command in one line, or in what it makes of them. Imports click."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM interrupts as Ctrl-C does; a second one ends the process at once.

    What a command does not catch becomes the one line of ``main``.
    """

    def interrupt(number: int, _frame: object) -> None:
        signal.signal(number, before)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        raise click.Abort(str(error) or "interrupted; nothing is judged") from None
    finally:
        signal.signal(signal.SIGTERM, before)
