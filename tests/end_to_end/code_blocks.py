"""The code blocks of the documentation: how they are found, and what they announce."""

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
PAGES += sorted(
    path
    for part in ("tutorial", "how-to", "explanation", "reference", "findings")
    for path in (DOCS / part).glob("*.md")
)

_FENCED = re.compile(r"^```(?P<kind>\S*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}[^\n]*\n(?:\n(?= {4}))?)+")
_SAVED = re.compile(r"as\s`(?P<name>[\w.]+)`:\n\n$")


@dataclass(frozen=True)
class Block:
    """A block of a page: its language (``shell`` where it is indented), and where it is saved."""

    kind: str
    text: str
    line: int
    file: str | None


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCED.finditer(text):
        saved = _SAVED.search(text[: match.start()])
        file = saved["name"] if saved else None
        found.append((match.start(), match["kind"], match["text"], file))
    rest = _FENCED.sub(lambda match: re.sub(r"[^\n]", "`", match[0]), text)
    found += [(match.start(), "shell", match[0], None) for match in _INDENTED.finditer(rest)]
    for start, kind, body, file in sorted(found):
        yield Block(kind, body, text.count("\n", 0, start) + 1, file)


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that it announces."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), ""))
        else:
            command, output = found.pop()
            found.append((command, f"{output}{line}\n"))
    return found


def is_announced(announced: str, printed: str) -> bool:
    """Whether an output is the announced one; ``...`` stands for anything."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return not announced or doctest.OutputChecker().check_output(announced, printed, options)
