"""Every code block of README and docs is run, read or parsed, by what it is."""

import ast
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from tests.end_to_end.code_blocks import DOCS, PAGES, ROOT, Block, blocks, commands, is_announced
from theory.catalogue.published import table_of
from verify.cli import scaleproof
from verify.documents.variant import read_variant

EVERY = [(page, block) for page in PAGES for block in blocks(page)]
TUTORIAL = sorted((DOCS / "tutorial").glob("*-*.md"))

# Python blocks are run by test_readme.py, those of the tutorial and console blocks below.
TRIED = {"python", "console", "shell", "toml", "diff", "yaml"}
DIRECTIVE = re.compile(r"\{(toctree|include|eval-rst)\}")


def of_kind(kind: str) -> list[object]:
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}:{block.line}")
        for page, block in EVERY
        if block.kind == kind
    ]


def command_lines() -> list[object]:
    """Each distinct command line of ``scaleproof``, and whether a text only mentions it."""
    found: dict[str, bool] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", "")  # a line goes on
        whole = re.findall(r"^(?: {4}|\$ | +- run: )(scaleproof [^\n]+)", text, re.MULTILINE)
        mentioned = re.findall(r"`(scaleproof [a-z][^`]*)`", text)
        for line in (*whole, *mentioned):
            plain = re.split(r" +# | \|\| | \.\.\.", " ".join(line.split()))[0]
            found[plain] = found.get(plain, True) and line in mentioned
    return [pytest.param(line, is_mention, id=line) for line, is_mention in found.items()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_of_a_kind_that_is_tried(page: Path) -> None:
    for block in blocks(page):
        assert block.kind in TRIED or DIRECTIVE.fullmatch(block.kind), (page.name, block)


@pytest.mark.parametrize(("line", "is_mention"), command_lines())
def test_every_command_line_is_one_that_the_command_takes(
    line: str, is_mention: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options and choices are those that there are. A word in capitals stands for a value."""
    name, *arguments = shlex.split(re.sub(r" --\w+ [A-Z]+$", "", line))[1:]
    command = scaleproof.get_command(click.Context(scaleproof), name)
    assert command is not None, f"there is no command {name}"
    for parameter in command.params:
        monkeypatch.setattr(parameter, "callback", None)  # files and devices need not be there
    try:
        command.make_context(name, arguments)
    except click.MissingParameter:
        assert is_mention


@pytest.mark.parametrize("block", of_kind("toml"))
def test_every_toml_block_is_a_variant_or_a_published_table(block: Block, tmp_path: Path) -> None:
    (first, *_) = block.text.splitlines()
    if first == "[[tables]]":
        (fields,) = tomllib.loads(block.text)["tables"]
        assert table_of({"document": "a paper", "read": "all of it"} | fields).entries
        return
    path = tmp_path / "variant.toml"
    path.write_text(block.text, encoding="utf-8")
    read_variant(path)


@pytest.mark.parametrize("block", of_kind("yaml"))
def test_every_yaml_block_is_a_job(block: Block) -> None:
    for job in yaml.safe_load(block.text).values():
        assert job["steps"]


@pytest.mark.parametrize("block", of_kind("diff"))
def test_every_diff_adds_python_to_a_file_that_there_is_or_will_be(block: Block) -> None:
    places = re.findall(r"^--- (\S+)", block.text, re.MULTILINE)
    for place in places:
        assert (ROOT / place).parent.is_dir()
    for part in re.split(r"^(?:---.*|\.\.\.)\n", block.text, flags=re.MULTILINE):
        lines = [line[1:] for line in part.splitlines() if line.startswith("+")]
        source = textwrap.dedent("\n".join(lines))
        try:
            ast.parse(source)
        except SyntaxError:  # entries of a table
            ast.parse(f"{{\n{source}\n}}")


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would who has activated the environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIAL, ids=lambda page: page.stem)
def test_the_tutorial_works_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """Files are saved, and commands are run. Only what installs is left out: it made this room."""
    for block in blocks(page):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        for command, announced in commands(block) if block.kind == "console" else []:
            if "venv" in command or "pip install" in command:
                continue
            done = shell(command, tmp_path)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert is_announced(announced, done.stdout), (command, done.stdout)


def test_the_tutorial_has_pages() -> None:
    assert [page.stem for page in TUTORIAL] == [
        "add-a-prediction",
        "first-verdict",
        "guard-your-model",
    ]
