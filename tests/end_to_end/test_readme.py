"""The README's examples run, and print what their comments say."""

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_theory_example_prints_what_it_says() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "diagnose" in block]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README", "exec"), {})
    lines = printed.getvalue().splitlines()
    announced = [line[2:] for line in example.splitlines() if line.startswith("# ")]
    announced += [
        line.rsplit("# ", 1)[1].split("...")[0] for line in example.splitlines() if "  # " in line
    ]
    assert len(lines) == len(announced) == 10
    for found, expected in zip(lines, announced, strict=True):
        assert found.startswith(expected)


def test_the_table_of_the_readme_is_judged() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "verify.judge" in block]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README", "exec"), {})
    assert printed.getvalue().startswith("accepted the interval lies inside the margin")
