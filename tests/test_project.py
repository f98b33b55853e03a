"""What the project says of itself: version, licence and authors are the same everywhere."""

import re
import tomllib
from pathlib import Path

import yaml

import scaleproof

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == scaleproof.__version__
    assert citation["title"] == project["name"]
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    assert citation["keywords"] == project["keywords"]


def test_every_python_that_is_promised_has_an_environment() -> None:
    classifiers = PROJECT["project"]["classifiers"]
    versions = [c.rpartition(" ")[2] for c in classifiers if re.search(r":: 3\.\d+$", c)]
    settings = (ROOT / "tox.ini").read_text(encoding="utf-8")
    (named,) = re.findall(r"^\[testenv:py3\{([\d,]+)\}\]$", settings, re.MULTILINE)
    assert versions
    assert set(versions) <= {f"3.{minor}" for minor in named.split(",")}
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"


def test_the_oldest_versions_are_those_that_are_promised() -> None:
    """``oldest.txt`` pins the lower ends of what pyproject.toml allows."""
    lower = re.compile(r"^(?P<name>[\w-]+)>=(?P<version>[\d.]+)")
    promised = {
        m["name"]: m["version"] for d in PROJECT["project"]["dependencies"] if (m := lower.match(d))
    }
    pinned = (ROOT / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in pinned if line and not line.startswith("#"))
    for name, version in promised.items():
        assert pins[name] == version or pins[name].startswith(f"{version}.")


def test_fragments_of_news_have_a_kind() -> None:
    kinds = {kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]}
    for path in (ROOT / "changes").iterdir():
        assert path.name == "README.md" or path.suffixes[-2].removeprefix(".") in kinds, path.name
