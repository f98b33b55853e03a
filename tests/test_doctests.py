"""Every public function shows how it is called, and the example prints what it says."""

import doctest
import inspect
from importlib import import_module

import pytest

import scaleproof

# These take a campaign that was measured, or a network that is trained: pages run them.
IN_PAGES = {
    "build_report": "how-to/verify.md, by its command",
    "conclude": "how-to/judge-a-table.md, by judge",
    "guard": "how-to/guard.md",
    "judge_campaign": "how-to/verify.md",
    "keep_verdicts": "how-to/verify.md, by its command",
    "measure": "how-to/verify.md",
    "measure_rates": "how-to/rate.md, by its command",
    "outlooks": "how-to/verify.md, by its command",
    "run_pilot": "how-to/verify.md, by its command",
    "scaling_checks": "how-to/pytest.md",
    "tabulate_rates": "how-to/rate.md, by its command",
    "weigh": "how-to/judge-a-table.md, by judge",
}
FUNCTIONS = {
    name: value
    for name in scaleproof.__all__
    if inspect.isfunction(value := getattr(scaleproof, name)) and name not in IN_PAGES
}
# Functions that are imported from their room.
ROOMS = (
    "theory.catalogue.bibliography",
    "theory.exact.first_step",
    "theory.exact.first_step_limits",
    "theory.exact.propagation",
)


def examples(text: str, name: str) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(text, {}, name, None, None)


def failures(test: doctest.DocTest) -> int:
    return doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_has_an_example_that_runs(name: str) -> None:
    test = examples(inspect.getdoc(FUNCTIONS[name]) or "", name)
    assert test.examples, f"{name} has no example"
    assert failures(test) == 0


@pytest.mark.parametrize("room", ROOMS)
def test_examples_in_rooms_run(room: str) -> None:
    module = import_module(room)
    found = [test for test in doctest.DocTestFinder().find(module, room) if test.examples]
    assert found
    assert sum(failures(examples(test.docstring or "", test.name)) for test in found) == 0


def test_what_has_no_example_is_public() -> None:
    assert IN_PAGES.keys() <= set(scaleproof.__all__)
