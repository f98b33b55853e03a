"""The README is short; every Python example of README and docs runs, and prints what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("how-to/*.md"))]
PAGES += sorted((ROOT / "docs").glob("explanation/*.md"))
PAGES += sorted((ROOT / "docs").glob("reference/*.md"))
LONGEST = 130


def examples(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def announced(example: str) -> list[str]:
    """What an example says that it prints: comments of their own, and those behind a print."""
    lines = example.splitlines()
    own = [(place, line[2:]) for place, line in enumerate(lines) if line.startswith("# ")]
    behind = [
        (place, line.rsplit("  # ", 1)[1].split("...")[0])
        for place, line in enumerate(lines)
        if line.startswith("print(") and "  # " in line
    ]
    return [text for _, text in sorted(own + behind)]


EXAMPLES = [
    pytest.param(example, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, example in enumerate(examples(page))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_runs_and_prints_what_it_says(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "torch.optim.Muon" in example and not hasattr(torch.optim, "Muon"):
        pytest.skip("torch has no Muon")
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "example", "exec"), {"__name__": "example"})
    expected, lines = announced(example), printed.getvalue().splitlines()
    assert not expected or len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=False):
        assert line.startswith(start)


def test_the_readme_is_short_and_names_the_two_commands_of_a_bare_machine() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    install = "    python3 -m venv .venv && .venv/bin/python -m pip install --quiet tox"
    for environment in ("verify", "tests"):
        assert f"\n{install} && .venv/bin/tox run -e {environment}\n" in text
    assert f"{install.strip()} && .venv/bin/tox run -e tests" in (ROOT / ".ci/run").read_text()


LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "page",
    [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{page.name} links {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name} links {target}#{anchor}"
