"""Predictions as tests: ``pytest --scaleproof PATTERN``. Imports pytest, ``reports``, ``verify``.

All items of a session are one campaign, with its error rate, whichever of them are run in the end;
its seed is that on record. An item passes when the verdicts on its prediction, and on its rival,
are those on record. Measurements are kept in pytest's cache, where processes of pytest-xdist and
later sessions find them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path

import pytest
from filelock import FileLock

from reports.assertion import prediction_text
from reports.document import PredictionEntry, Report, RivalEntry
from reports.outcome import agrees, verdicts_of
from theory.catalogue import recorded, select
from theory.errors import DomainError
from theory.prediction import Prediction, Profile
from theory.verdict import Verdict

MARK, OPTION = "scaling", "scaleproof"


class CatalogueTests:
    """What collects and runs predictions; registered where some are asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.patterns = tuple(config.getoption(OPTION))
        self.profile = Profile(config.getoption("scaleproof_profile"))
        self._report: Report | None = None
        try:
            self.predictions = select(self.patterns, self.profile)
        except DomainError as error:
            raise pytest.UsageError(f"--{OPTION}: {error}") from None

    def pytest_ignore_collect(self) -> bool | None:
        """Collect predictions alone, unless files are named, too."""
        named = self.config.args_source is pytest.Config.ArgsSource.ARGS
        return None if named else True

    @pytest.hookimpl(tryfirst=True)  # so that -k and -m choose among them
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add an item for each prediction."""
        parent = _Catalogue.from_parent(session, name=OPTION, nodeid=OPTION, tests=self)
        items += session.genitems(parent)

    def entry(self, prediction: Prediction) -> PredictionEntry:
        """What the campaign found of a prediction; it is measured when the first is asked for."""
        if self._report is None:
            self._report = self._measured()
        return next(one for one in self._report.predictions if one.id == prediction.id)

    def _measured(self) -> Report:
        from verify.campaign.design import Campaign
        from verify.cli.campaign import verified
        from verify.cli.options import processes

        campaign = Campaign(self.predictions, self.profile, self._seed(), "cpu", None)
        alone = "PYTEST_XDIST_WORKER" not in os.environ
        workers = processes(None, "cpu") if alone else 1
        with self._folder() as kept, redirect_stderr(StringIO()):
            report = verified(campaign, kept, workers, self.patterns)
        if not report.complete:
            raise KeyboardInterrupt
        return report

    def _seed(self) -> int:
        """That of the campaign on record."""
        records = (recorded(prediction, self.profile) for prediction in self.predictions)
        seeds = [one.campaign.seed for one in records if one is not None]
        return next((seed for seed in seeds if seed is not None), 0)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Where measurements are kept, for one process at a time."""
        cache = getattr(self.config, "cache", None)
        if cache is None:
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder)
            return
        kept = cache.mkdir(OPTION)
        with FileLock(kept / "measurements.lock"):
            yield kept


class _Catalogue(pytest.Collector):
    """The parent of all predictions."""

    def __init__(self, *, tests: CatalogueTests, **others: object) -> None:
        super().__init__(**others)  # type: ignore[arg-type]
        self.tests = tests

    def collect(self) -> list[pytest.Item]:
        """One item a prediction."""
        return [
            PredictionItem.from_parent(self, name=one.id, prediction=one, tests=self.tests)
            for one in self.tests.predictions
        ]


class PredictionItem(pytest.Item):
    """One prediction: passes when what is measured agrees with what is on record."""

    def __init__(self, *, prediction: Prediction, tests: CatalogueTests, **others: object) -> None:
        super().__init__(**others)  # type: ignore[arg-type]
        self.prediction, self.tests = prediction, tests
        self.add_marker(MARK)

    def runtest(self) -> None:
        """Skip what is undecided, and fail where the record says something else."""
        entry = self.tests.entry(self.prediction)
        found = verdicts_of(entry)
        self.user_properties += [(name, _numbers(one)) for name, one in found.items()]
        differing = [(name, one) for name, one in found.items() if not agrees(one)]
        if not differing:
            return
        undecided = all(one.verdict is Verdict.INCONCLUSIVE for _, one in differing)
        if undecided and not self.config.getoption("scaling_strict"):
            said = "; ".join(f"{name}: {one.reason}" for name, one in differing)
            pytest.skip(f"undecided: {said}")
        raise AssertionError(prediction_text(entry))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,  # noqa: ARG002
    ) -> str:
        """What differs; the traceback of anything else."""
        if isinstance(excinfo.value, AssertionError | DomainError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """A prediction stands in no file of the suite."""
        return self.config.rootpath, None, self.name


def _numbers(entry: PredictionEntry | RivalEntry) -> str:
    numbers = {
        "verdict": entry.verdict,
        "recorded": entry.recorded,
        "estimate": entry.estimate,
        "interval": entry.interval,
        "confidence": entry.confidence,
        "predicted": entry.predicted,
        "margin": entry.margin,
    }
    return json.dumps(numbers)
