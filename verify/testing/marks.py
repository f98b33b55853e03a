"""The mark of a test that is one of each module. Imports pytest when it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound="Callable[..., object] | type")

MARK = "scaling_checks"


def scaling_checks(factory: Callable[..., Any], **options: Any) -> Callable[[Test], Test]:
    """Decorate a test so that pytest collects it once for each module and axis of a network.

    The test takes ``scaling_check`` and calls it. ``options`` are those of ``guard``. All items
    share one run of the guard, and its error rate::

        @scaling_checks(factory, widths=(64, 128, 256, 512))
        def test_scaling(scaling_check):
            scaling_check()
    """
    import pytest

    # Called with a function alone, a mark would decorate that function.
    return getattr(pytest.mark, MARK).with_args(factory, **options)  # type: ignore[no-any-return]
