"""``import scaleproof``: everything public by name, and a clear word where something hides it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import probes
import reports
import scaleproof
import theory
import verify

ROOT = Path(__file__).parent.parent
PACKAGES = ("theory", "verify", "reports", "probes")


def python(*arguments: object, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, started in ``path``, whose modules it finds before it finds ours."""
    environment = os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=path
    )


def test_every_public_name_is_there() -> None:
    public = {name for module in (theory, verify, reports, probes) for name in module.__all__}
    assert sorted(scaleproof.__all__) == sorted(public)
    assert set(dir(scaleproof)) == public | {"__version__"}
    for name in scaleproof.__all__:
        assert getattr(scaleproof, name) is not None


def test_a_name_that_is_not_there_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'scaleproof' has no attribute 'prove'"):
        scaleproof.prove  # noqa: B018


def test_a_name_means_the_same_in_every_package_that_has_it() -> None:
    for module in (theory, verify, reports, probes):
        for name in module.__all__:
            assert getattr(scaleproof, name) is getattr(module, name)


def test_importing_it_imports_none_of_what_takes_long() -> None:
    heavy = ("torch", "scipy", "pandas", "numpy", "click", *PACKAGES)
    program = f"import scaleproof, sys; print([name for name in {heavy} if name in sys.modules])"
    assert python("-c", program).stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["residual", "Cell", "count_powers", "find", "judge", "Verdict"])
def test_what_needs_no_network_does_not_load_torch(name: str) -> None:
    program = f"import sys; from scaleproof import {name}; sys.exit('torch' in sys.modules)"
    assert python("-c", program).returncode == 0


def intruder(folder: Path, name: str) -> Path:
    """A module with the name of one of our packages, which must not even be run."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("print('somebody else')")
    return path


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("form", ["{}.py", "{}/__init__.py"])
def test_a_module_that_hides_a_package_is_named(package: str, form: str, tmp_path: Path) -> None:
    hiding = intruder(tmp_path, form.format(package))
    done = python("-c", "import scaleproof", path=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line.startswith("ImportError: ")]
    assert said == [
        f"ImportError: {hiding} hides the package {package!r} of scaleproof; rename it, or take "
        "its folder off the path"
    ]


def test_a_module_that_is_imported_already_is_named_too(tmp_path: Path) -> None:
    hiding = intruder(tmp_path, "verify.py")
    program = "import verify, sys; del sys.path[:2]; import scaleproof"
    assert f"ImportError: {hiding} hides" in python("-c", program, path=tmp_path).stderr


def test_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "scaleproof"
    command.parent.mkdir()
    command.write_text("from scaleproof import main\nmain()\n")  # as an installer writes it
    assert python(command, "show", "A1.forward.depth").returncode == 0
    hiding = intruder(tmp_path / "mine", "verify.py")
    done = python(command, "list", path=tmp_path / "mine")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"scaleproof: {hiding} hides the package 'verify'")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_is_no_module_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    program = "import scaleproof; print(scaleproof.Report.__module__)"
    assert python("-c", program, path=tmp_path).stdout.strip() == "reports.document"
