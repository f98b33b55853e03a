"""Standard streams that cannot write every letter write what looks like it. Standard library."""

from __future__ import annotations

import codecs
import io
import sys

_NAME = "scaleproof.ascii"
_SEVEN_BITS = "scaleproof_seven_bits"  # click takes a stream named ascii for a mistaken utf-8 one
_LIKE = str.maketrans({"\N{PLUS-MINUS SIGN}": "+-", "\N{HORIZONTAL ELLIPSIS}": "..."})


def write_what_can_be_written() -> None:
    """Have stdout and stderr replace letters that their encoding lacks, in place of failing."""
    codecs.register_error(_NAME, _replaced)
    codecs.register(_seven_bits)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            encoding = _SEVEN_BITS if ascii_only else stream.encoding
            stream.reconfigure(encoding=encoding, errors=_NAME)


def _seven_bits(name: str) -> codecs.CodecInfo | None:
    """ASCII by another name."""
    known = codecs.lookup("ascii")
    return (
        codecs.CodecInfo(
            known.encode,
            known.decode,
            known.streamreader,
            known.streamwriter,
            known.incrementalencoder,
            known.incrementaldecoder,
            name=name,
        )
        if name == _SEVEN_BITS
        else None
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_LIKE)
    return text.encode("ascii", "replace").decode("ascii"), error.end
