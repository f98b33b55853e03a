"""The errors of this project that a user can mend. Imports the standard library only."""

from collections.abc import Iterable


class DomainError(ValueError):
    """What was asked for cannot be had: names the value, what was expected, and what to do.

    Always raised as one of its three kinds. The command line prints it as a single line and exits
    with code 2.
    """


class InputError(DomainError):
    """A value, or a combination of values, is outside of what is defined; give another one."""


class NoTheoryError(DomainError):
    """The question is well put, and the theory that is built in has no answer to it.

    No power of the size describes what is asked about, no exact recursion is known for such a
    network, or no limit exists.
    """


class UnavailableError(DomainError):
    """What the work needs is not on this machine: a file, a folder, a device or a package.

    A file that is damaged, or is another one than it should be, counts as missing.
    """


def choices(kind: str, value: object, allowed: Iterable[object]) -> InputError:
    """The error for a name that is not one of a fixed list."""
    names = ", ".join(str(item) for item in allowed)
    return InputError(f"unknown {kind} {str(value)!r}; choose one of: {names}")
