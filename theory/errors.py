"""The one error of this project that a user can mend. Imports the standard library only."""

from collections.abc import Iterable


class DomainError(ValueError):
    """Input outside what is defined: names the value, what was expected, and what to do.

    The command line prints it as a single line and exits with code 2.
    """


def choices(kind: str, value: object, allowed: Iterable[object]) -> DomainError:
    """The error for a name that is not one of a fixed list."""
    names = ", ".join(str(item) for item in allowed)
    return DomainError(f"unknown {kind} {str(value)!r}; choose one of: {names}")
