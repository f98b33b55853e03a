"""Standard streams that cannot write every letter write what looks like it. Standard library."""

from __future__ import annotations

import codecs
import io
import sys

_NAME = "scaleproof.ascii"
_LIKE = str.maketrans({"\N{PLUS-MINUS SIGN}": "+-", "\N{HORIZONTAL ELLIPSIS}": "..."})


def write_what_can_be_written() -> None:
    """Have stdout and stderr replace letters that their encoding lacks, in place of failing."""
    codecs.register_error(_NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_LIKE)
    return text.encode("ascii", "replace").decode("ascii"), error.end
