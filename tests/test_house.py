"""The direction of import: theory <- probes, theory <- reports, verify on top of all."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import verify
from verify.measuring.fingerprint import SAID_AFTERWARDS

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "theory": {"theory"},
    "probes": {"theory", "probes"},
    "reports": {"theory", "reports"},
    "verify": {"theory", "probes", "reports", "verify"},
}
WITHOUT_TORCH = ("theory", "reports")


def imported_by(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        forbidden = (imported_by(path) & MAY_IMPORT.keys()) - MAY_IMPORT[package]
        if package in WITHOUT_TORCH:
            forbidden |= imported_by(path) & {"torch"}
        assert not forbidden, f"{path.relative_to(ROOT)} imports {sorted(forbidden)}"


def test_what_is_said_of_measurements_afterwards_is_not_used_to_measure() -> None:
    """The fingerprint of code leaves it out."""
    for path in (ROOT / "probes").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("theory."):
                room = (node.module or "").split(".")[1]
                said = room in SAID_AFTERWARDS or f"{room}.py" in SAID_AFTERWARDS
                assert not said, f"{path.relative_to(ROOT)} imports theory.{room}"


def test_every_name_of_the_front_door_is_there() -> None:
    assert verify.__all__ == sorted(verify.__all__)
    assert {name for names in verify._HOMES.values() for name in names} == set(verify.__all__)
    for name in verify.__all__:
        assert getattr(verify, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'prove'"):
        verify.prove  # noqa: B018


@pytest.mark.parametrize(
    "package",
    [
        *WITHOUT_TORCH,
        "verify.judging.verdict",
        "verify.campaign.looks",
        "verify.tables.judge",
        "verify.cli.judge",
    ],
)
def test_torch_is_not_loaded(package: str) -> None:
    program = f"import sys, {package}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
