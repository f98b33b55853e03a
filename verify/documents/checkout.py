"""The source checkout in which records and tables of the docs are kept. Imports ``theory``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from theory.errors import UnavailableError

_CODE = ("theory", "probes", "verify", "reports", ":!theory/catalogue/records")


def source_checkout() -> Path:
    """The folder of the imported checkout; ``UnavailableError`` where it is an installation."""
    root = Path(str(files("theory"))).parent
    if not (root / "pyproject.toml").is_file():
        raise UnavailableError(
            f"theory is imported from {str(root)!r}, which is no source checkout; records are kept "
            "in one: clone the repository and pip install --editable it"
        )
    return root


def records_path(root: Path, name: str) -> Path:
    """Where a checkout keeps what is on record of a profile, or of the second seed."""
    return root / "theory" / "catalogue" / "records" / f"{name}.toml"


def commit_of(root: Path) -> str | None:
    """The commit of a checkout, with ``-dirty`` where its code was changed; ``None`` without git.

    What is on record is no code.
    """
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        return f"{commit}-dirty" if _git(root, "status", "--porcelain", "--", *_CODE) else commit
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


def write_files(texts: Mapping[Path, str]) -> None:
    """Write each file as a whole: a temporary one beside it takes its place.

    All of them are on the disk before the first takes its place, so that every file stays as it
    was where one cannot be written: an ``UnavailableError``.
    """
    written: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            written[path] = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            written[path].chmod(path.stat().st_mode if path.exists() else 0o644)
        for path, temporary in written.items():
            temporary.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(
            f"cannot write {str(path)!r} ({reason}); make room, or choose another place"
        ) from None
    finally:
        for temporary in written.values():
            with contextlib.suppress(OSError):  # the disk may have become read-only
                temporary.unlink()
