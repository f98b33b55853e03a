"""Fuzz power counting against networks: draw variants, measure them, keep what disagrees.

A disagreement is a prediction that networks reject, and reject again on fresh seeds. It is made as
simple as it stays one, every decision on seeds of its own. Imports hypothesis, ``theory`` and
``verify``; torch when networks are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from theory.cures import Change
from theory.errors import NoTheoryError
from theory.prediction import Prediction, Profile
from theory.variants import predictions_of
from theory.verdict import Verdict
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign
from verify.documents.variant import variant_text
from verify.measuring.loop import measure
from verify.measuring.store import Store
from verify.strategies import Drawn, variants

_FRESH = 10_000  # seeds of a second look are far from those of the first


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A prediction that networks reject."""

    drawn: Drawn
    asked: str  # axis and observable, such as width.stream_change
    relation: str
    estimate: float
    interval: tuple[float, float]

    @property
    def text(self) -> str:
        """The variant as a file, with what disagrees in front."""
        low, high = self.interval
        said = f"{self.asked}: predicted {self.relation}, measured {self.estimate:+.3f}"
        variant = variant_text(self.drawn.parameterization, self.drawn.architecture)
        return f"# {said} [{low:+.3f}, {high:+.3f}]\n{variant}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one draw: how many predictions, and what networks reject of them."""

    drawn: Drawn
    predictions: int
    undecided: int
    disagreements: tuple[Disagreement, ...]


def drawn_variants(count: int, first_seed: int) -> list[Drawn]:
    """So many variants, the same for the same seed."""
    found: list[Drawn] = []

    @seed(first_seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(variants())
    def collect(drawn: Drawn) -> None:
        found.append(drawn)

    collect()
    return found[:count]


def fuzz(
    count: int,
    first_seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], object] = divmod,
) -> Iterator[Outcome]:
    """Outcomes of draws, one by one."""
    for done, drawn in enumerate(drawn_variants(count, first_seed), start=1):
        yield outcome_of(drawn, first_seed, workers)
        progress(done, count)


def outcome_of(drawn: Drawn, first_seed: int, workers: int = 1) -> Outcome:
    """Measure one draw; what is rejected is measured again, and made simpler."""
    predictions = _predictions(drawn)
    rejected, undecided = _rejected(predictions, first_seed, workers)
    again, _ = _rejected(rejected.keys(), first_seed + _FRESH, workers)
    disagreements = [
        _simplest(Disagreement(drawn, _asked(one), *numbers), first_seed, workers)
        for one, numbers in again.items()
    ]
    return Outcome(drawn, len(predictions), undecided, tuple(disagreements))


_Numbers = tuple[str, float, tuple[float, float]]


def _predictions(drawn: Drawn) -> tuple[Prediction, ...]:
    try:
        return predictions_of(drawn.architecture, drawn.parameterization)
    except NoTheoryError:
        return ()


def _asked(prediction: Prediction) -> str:
    return f"{prediction.relation.axis}.{prediction.observable}"


def _rejected(
    predictions: Iterable[Prediction], first_seed: int, workers: int
) -> tuple[dict[Prediction, _Numbers], int]:
    """What networks of a seed reject, and how many predictions they leave undecided."""
    asked = tuple(predictions)
    if not asked:
        return {}, 0
    campaign = Campaign(asked, Profile.QUICK, first_seed)
    store = Store(Path(":memory:"))
    measure(campaign, store, workers=workers)
    found: dict[Prediction, _Numbers] = {}
    undecided = 0
    for answer in judge_campaign(campaign, store):
        judgement, interval = answer.judgement, answer.judgement.interval
        if judgement.verdict is Verdict.REJECTED and interval is not None:
            ends = float(interval.low), float(interval.high)
            numbers = str(answer.claim.relation), float(interval.estimate), ends
            found[answer.question.prediction] = numbers
        undecided += judgement.verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID)
    store.close()
    return found, undecided


def _simplest(disagreement: Disagreement, first_seed: int, workers: int) -> Disagreement:
    """Leave out one thing after the other, as long as networks of fresh seeds still reject."""
    drawn = disagreement.drawn
    things: list[Change | str] = [*drawn.changes, *drawn.architecture.parts.names]
    for k, thing in enumerate(things):
        simpler = _without(disagreement.drawn, thing)
        same = [p for p in _predictions(simpler) if _asked(p) == disagreement.asked]
        found, _ = _rejected(same, first_seed + (k + 2) * _FRESH, workers)
        for numbers in found.values():
            disagreement = Disagreement(simpler, disagreement.asked, *numbers)
    return disagreement


def _without(drawn: Drawn, thing: Change | str) -> Drawn:
    """The same without one change, or without the part of this name."""
    if isinstance(thing, Change):
        return replace(drawn, changes=tuple(one for one in drawn.changes if one != thing))
    network = drawn.architecture
    return replace(
        drawn, architecture=replace(network, parts=replace(network.parts, **{thing: False}))
    )
