"""The catalogue's source: where an id stands, what a module imports, how long a file is."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import theory.catalogue
from theory.catalogue import PREDICTIONS

FOLDER = Path(theory.catalogue.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))
SHARED = {"settings", "sources", "statements"}


def ids_of_calls(path: Path) -> list[str]:
    """The ids that calls of a file are given: as they are, first or by name."""
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    firsts = [call.args[0] for call in calls if call.args]
    named = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "id"]
    known = {prediction.id for prediction in PREDICTIONS}
    return [
        node.value
        for node in (*firsts, *named)
        if isinstance(node, ast.Constant) and node.value in known
    ]


def test_every_id_stands_in_the_source_in_a_call_of_its_own() -> None:
    """Whoever looks for an id finds the prediction."""
    found = Counter(id for path in FILES for id in ids_of_calls(path))
    assert found == Counter({prediction.id: 1 for prediction in PREDICTIONS})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_modules_do_not_import_from_one_another(path: Path) -> None:
    if path.name == "__init__.py":
        return
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "theory.catalogue":
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "theory.catalogue."
        ):
            imported.add((node.module or "").rpartition(".")[2])
    assert imported <= SHARED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_comments_say_why_and_tell_no_history(path: Path) -> None:
    """Which seed found what stands in docs/findings/history.md, by id."""
    text = path.read_text(encoding="utf-8")
    told = re.search(r"\b(seeds? \d|seeds? of|campaigns? of|ten seeds|on record)\b", text)
    assert told is None or path.name == "__init__.py", told


def test_files_fit_a_few_screens() -> None:
    long = {path.name: len(path.read_text().splitlines()) for path in FILES}
    assert max(long.values()) <= 420, long
