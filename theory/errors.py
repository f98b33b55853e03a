"""The one error of this project that a user can mend. Imports nothing."""


class DomainError(ValueError):
    """Input outside what is defined: names the value, what was expected, and what to do.

    The command line prints it as a single line and exits with code 2.
    """


def choices(kind: str, value: object, allowed: object) -> DomainError:
    """The error for a name that is not one of a fixed list."""
    names = ", ".join(str(item) for item in allowed)  # type: ignore[attr-defined]
    return DomainError(f"unknown {kind} {str(value)!r}; choose one of: {names}")
