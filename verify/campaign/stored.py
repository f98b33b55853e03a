"""A campaign as a store has it, for judging it again. Imports ``theory`` and ``verify``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from theory.catalogue import find
from theory.errors import UnavailableError
from theory.prediction import Prediction, on_images
from verify.campaign.design import Campaign
from verify.measuring.store import Store
from verify.targets import FROM

_MOST_LISTED = 5


def stored_campaign(store: Store) -> Campaign:
    """The campaign that was begun last, about the predictions of today's catalogue.

    Raises ``DomainError`` where there is none, and where the catalogue no longer has one of its
    predictions, or has another design of it: what was not fixed before the run is not judged.
    """
    plan = store.latest()
    if plan is None:
        raise UnavailableError("no campaign is stored there; begin one with scaleproof verify")
    planned = plan.provenance
    offered = None
    if planned.patterns[:1] == (FROM,):
        from verify.documents.predictions import predictions_from

        offered = {each.id: each for each in predictions_from(planned.patterns[1])}
    campaign = Campaign(
        tuple(_prediction(id, planned.data, offered) for id in planned.predictions),
        planned.profile,
        planned.seed,
        planned.device,
        planned.engine,
    )
    _refuse_other_designs(campaign.designs, plan.designs())
    return campaign


def _prediction(
    id: str, sources: Iterable[str], offered: Mapping[str, Prediction] | None
) -> Prediction:
    """A prediction of the catalogue, or of those offered, on the images that its id names."""
    claim = id.partition("@")[0]
    if offered is not None and claim not in offered:
        raise UnavailableError(f"prediction {claim!r} is not in its file any more; put it back")
    prediction = find(claim) if offered is None else offered[claim]
    moved = [on_images(prediction, source) for source in sources]
    return next((each for each in [prediction, *moved] if each.id == id), prediction)


def _refuse_other_designs(today: Mapping[str, str], planned: Mapping[str, str]) -> None:
    changed = [id for id, design in planned.items() if today.get(id) != design]
    if changed:
        more = f" and {len(changed) - _MOST_LISTED} more" if len(changed) > _MOST_LISTED else ""
        raise UnavailableError(
            f"the catalogue has another design of {', '.join(changed[:_MOST_LISTED])}{more} than "
            "the one that was measured; judge this campaign with the version that planned it"
        )
