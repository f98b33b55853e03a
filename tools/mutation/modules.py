"""Which modules are mutated, and the tests that concern each: they alone may kill its mutants.

Given as arguments of pytest.
"""

from __future__ import annotations

_STATISTICS: dict[str, tuple[str, ...]] = {
    f"verify/statistics/{name}.py": (f"tests/verify/statistics/test_{name}.py",)
    for name in (
        "sample_size",
        "equivalence",
        "excess",
        "fit_checks",
        "minimum",
        "multiplicity",
        "regression",
        "transfer",
    )
}

_JUDGING: dict[str, tuple[str, ...]] = {
    "verify/judging/claim.py": ("tests/verify/judging/test_claim.py",),
    "verify/judging/evidence.py": ("tests/verify/judging/test_evidence.py",),
    "verify/judging/quantities.py": (
        "tests/verify/judging/test_quantities.py",
        "tests/verify/judging/test_every_verdict.py",
        "tests/conformance/test_quantities.py",
        "tests/verify/judging/test_excess.py",
        "tests/verify/judging/test_transfer.py",
    ),
    "verify/judging/reasons.py": ("tests/verify/judging/test_reasons.py",),
    "verify/judging/verdict.py": ("tests/verify/judging/test_verdict.py",),
}

_FIRST_STEP = "tests/theory/test_first_step.py"
# Sums over thousands of layers: they compare power counting with the sums, in minutes.
_SUMS = (
    f"--deselect={_FIRST_STEP}::test_power_counting_agrees_with_the_sums_as_depth_doubles",
    f"--deselect={_FIRST_STEP}::test_power_counting_agrees_with_the_sums_for_random_exponents",
)

_COUNTING = "tests/theory/test_power_counting.py"

_PARTICLES = "tests/theory/test_neural_feature_dynamics.py"
_FAST_OF_PARTICLES = (
    "test_only_one_layer_blocks_have_this_limit",
    "test_fitted_outputs_are_those_of_depth_mup_only",
    "test_fitted_outputs_tell_the_readings_apart_as_the_tangent_kernel_does",
)

_THEORY: dict[str, tuple[str, ...]] = {
    "theory/power_counting.py": (
        "tests/theory/test_power_counting_by_hand.py",
        _COUNTING,
        # Of random exponents: minutes.
        f"--deselect={_COUNTING}::test_the_symmetry_changes_no_exponent",
        f"--deselect={_COUNTING}::test_the_suggested_rate_mends_a_change_that_grows",
        f"--deselect={_COUNTING}::test_changes_are_linear_in_the_rate",
        f"--deselect={_COUNTING}::test_at_the_largest_stable_rate_the_fastest_change_is_of_order_one",
        f"--deselect={_COUNTING}::test_the_phase_diagram_of_depth_comes_out",
    ),
    "theory/relations.py": ("tests/theory/test_relations.py",),
    "theory/expectations.py": ("tests/theory/test_relations.py",),
    "theory/exact/first_step.py": ("tests/theory/exact/test_first_step.py", _FIRST_STEP, *_SUMS),
    "theory/exact/first_step_limits.py": (_FIRST_STEP, *_SUMS),
    "theory/exact/propagation.py": ("tests/theory/test_propagation.py",),
    "theory/exact/gaussian.py": ("tests/theory/exact/test_gaussian_by_hand.py",),
    "theory/exact/quadrature.py": ("tests/theory/exact/test_quadrature.py",),
    "theory/exact/high_precision.py": ("tests/theory/exact/test_high_precision.py",),
    "theory/exact/convolutional_chains.py": ("tests/theory/test_convolutional_chains.py",),
    "theory/exact/feature_dynamics.py": (
        "tests/theory/exact/test_feature_dynamics_by_hand.py",
        *(f"{_PARTICLES}::{test}" for test in _FAST_OF_PARTICLES),
    ),
}

_WEIGHTS = "tests/probes/weights/test_weights.py"

_PROBES: dict[str, tuple[str, ...]] = {
    "probes/weights/base.py": (_WEIGHTS,),
    "probes/weights/decoupled.py": (_WEIGHTS,),
    "probes/weights/dense.py": (_WEIGHTS,),
    "probes/weights/gaussian_matrix.py": ("tests/probes/test_gaussian_matrix.py",),
    "probes/weights/matrix_free.py": (_WEIGHTS,),
}

TESTS: dict[str, tuple[str, ...]] = _STATISTICS | _JUDGING | _THEORY | _PROBES
