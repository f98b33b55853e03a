"""What tests of ``verify`` share."""

from pathlib import Path

import pytest

from verify.measuring.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store in a folder of its own."""
    return Store(tmp_path / "measurements.sqlite")
