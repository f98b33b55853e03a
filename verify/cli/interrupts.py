"""Ctrl-C and SIGTERM end a command in one line, or in what it makes of them. Imports click."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """SIGTERM interrupts as Ctrl-C does, however far a command is."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end_in_peace() -> None:
    """The result is written and said: while the process ends, no signal changes its exit code."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)


@contextmanager
def judging_nothing() -> Iterator[None]:
    """An interruption that a command makes nothing of is one line that says so."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise click.Abort(str(error) or "interrupted; nothing is judged") from None
