"""Whole stores: what is in one, several joined, one without what is stale, rows for others.

Imports the standard library and ``verify.measuring``; never torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory.errors import InputError
from verify.measuring.database import said_plainly
from verify.measuring.schema import VERSION
from verify.measuring.store import Failure, Provenance, Store, provenance_of

COLUMNS = (
    "trial",
    "setting",
    "width",
    "depth",
    "seed",
    "engine",
    "device",
    "code",
    "replicate",
    "observable",
    "value",
)


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """A campaign of a store: its conditions, and how many of its trials and verdicts there are.

    ``trials`` are planned ones (a setting in a cell), of which ``begun`` have a replicate.
    """

    provenance: Provenance
    trials: int
    begun: int
    verdicts: int


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """What a store holds; ``replicates`` are networks measured, ``codes`` digests of their code.

    ``unplanned`` counts trials that no campaign plans: those of a version that kept no plans.
    """

    schema: int
    size: int
    trials: int
    replicates: int
    measurements: int
    unplanned: int
    codes: tuple[str, ...]
    failures: tuple[Failure, ...]
    campaigns: tuple[CampaignSummary, ...]


def summary(store: Store) -> StoreSummary:
    """What a store holds."""

    def count(query: str) -> int:
        return int(store.read(query)[0][0])

    campaigns = store.read(
        "SELECT provenance, (SELECT count(*) FROM planned WHERE plan = plans.id), "
        "(SELECT count(*) FROM planned WHERE plan = plans.id AND EXISTS "
        "(SELECT 1 FROM measurements WHERE measurements.trial = planned.trial)), "
        "(SELECT count(verdict) FROM verdicts WHERE plan = plans.id) FROM plans ORDER BY begun"
    )
    codes = store.read("SELECT DISTINCT code FROM trials WHERE code IS NOT NULL ORDER BY code")
    return StoreSummary(
        schema=VERSION,
        size=store.path.stat().st_size if store.path.exists() else 0,
        trials=count("SELECT count(*) FROM trials"),
        replicates=count(
            "SELECT count(*) FROM (SELECT DISTINCT trial, replicate FROM measurements)"
        ),
        measurements=count("SELECT count(*) FROM measurements"),
        unplanned=count(f"SELECT count(*) FROM trials WHERE {_UNPLANNED}"),
        codes=tuple(code for (code,) in codes),
        failures=tuple(store.failures()),
        campaigns=tuple(
            CampaignSummary(provenance_of(text), *counts) for text, *counts in campaigns
        ),
    )


_UNPLANNED = "id NOT IN (SELECT trial FROM planned)"


def rows(store: Store) -> Iterator[tuple[Any, ...]]:
    """Every measurement with what its trial is, as ``COLUMNS`` name it."""
    with said_plainly(store.path):
        yield from store.connection.execute(
            "SELECT key, setting, width, depth, seed, engine, device, code, replicate, observable, "
            "value FROM measurements JOIN trials ON trials.id = trial "
            "ORDER BY trial, replicate, observable"
        )


def prune(store: Store, code: str) -> int:
    """Drop what other code than this measured, and no campaign can go on with; how many values.

    Campaigns stay listed with their verdicts: a report names every try of a prediction.
    """
    with store.writing() as connection:
        stale = "SELECT id FROM trials WHERE code IS NOT ?"
        dropped = connection.execute(f"DELETE FROM measurements WHERE trial IN ({stale})", (code,))
        for table in ("failures", "planned"):
            connection.execute(f"DELETE FROM {table} WHERE trial IN ({stale})", (code,))
        connection.execute("DELETE FROM trials WHERE code IS NOT ?", (code,))
    with said_plainly(store.path):
        store.connection.execute("VACUUM")
    return int(dropped.rowcount)


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge brought: ``measurements`` that were new, and ``differing`` ones that were not.

    A value that differs was measured on another kind of processor; the first one stays.
    """

    measurements: int
    differing: int


def merge(store: Store, other: Path) -> Merged:
    """Put everything of another store into one, all of it or nothing.

    A campaign whose trials are spread over several stores is then as if it had been measured in
    one: the same predictions, conditions, code and images are the same campaign. Raises
    ``InputError`` for a store that is merged into itself.
    """
    if store.path.exists() and store.path.samefile(other):
        raise InputError(f"{str(other)!r} is the store to merge into; name the other ones")
    Store(other).close()  # checked, and of today's schema
    with said_plainly(other):
        store.connection.execute("ATTACH ? AS other", (str(other),))
    try:
        with store.writing() as connection:
            differing = connection.execute(f"SELECT count(*) {_BOTH}").fetchone()[0]
            new = 0
            for statement in _MERGES:
                done = connection.execute(statement)
                new += done.rowcount if "INTO measurements" in statement else 0
    finally:
        store.connection.execute("DETACH other")
    return Merged(new, int(differing))


_BOTH = (
    "FROM other.measurements AS theirs JOIN other.trials AS foreign_trial "
    "ON foreign_trial.id = theirs.trial JOIN main.trials AS own USING (key) "
    "JOIN main.measurements AS ours ON ours.trial = own.id "
    "AND ours.replicate = theirs.replicate AND ours.observable = theirs.observable "
    "WHERE ours.value IS NOT theirs.value"
)
# Rows of plans and trials have other numbers in the other store: they are found by what they are.
_PLAN = (
    "JOIN other.plans AS foreign_plan ON foreign_plan.id = theirs.plan "
    "JOIN main.plans AS own USING (campaign, code, images)"
)
_TRIAL = (
    "JOIN other.trials AS foreign_trial ON foreign_trial.id = theirs.trial "
    "JOIN main.trials AS own_trial USING (key)"
)
_MERGES = (
    "INSERT INTO trials (key, setting, width, depth, seed, engine, device, code) "
    "SELECT key, setting, width, depth, seed, engine, device, code FROM other.trials WHERE true "
    "ON CONFLICT (key) DO UPDATE SET setting = excluded.setting, width = excluded.width, "
    "depth = excluded.depth, seed = excluded.seed, engine = excluded.engine, "
    "device = excluded.device, code = excluded.code WHERE setting IS NULL",
    "INSERT OR IGNORE INTO measurements SELECT own_trial.id, replicate, observable, value "
    f"FROM other.measurements AS theirs {_TRIAL}",
    # The latest of the other store is the latest; a campaign started when its first part did.
    "INSERT INTO plans (campaign, code, images, provenance, begun) "
    "SELECT campaign, code, images, provenance, "
    "begun + (SELECT coalesce(max(begun), 0) FROM main.plans) FROM other.plans WHERE true "
    "ON CONFLICT DO UPDATE SET begun = excluded.begun, provenance = json_set(provenance, "
    "'$.started', min(json_extract(provenance, '$.started'), "
    "json_extract(excluded.provenance, '$.started')))",
    "INSERT OR IGNORE INTO planned SELECT own.id, theirs.setting, theirs.width, theirs.depth, "
    f"own_trial.id FROM other.planned AS theirs {_PLAN} {_TRIAL}",
    "INSERT INTO sweeps SELECT own.id, name, below, above, times "
    f"FROM other.sweeps AS theirs {_PLAN} WHERE true ON CONFLICT DO UPDATE SET "
    "below = excluded.below, above = excluded.above, times = excluded.times "
    "WHERE excluded.times > times",
    "INSERT INTO verdicts SELECT own.id, prediction, design, margin, verdict "
    f"FROM other.verdicts AS theirs {_PLAN} WHERE true ON CONFLICT DO UPDATE SET "
    "verdict = excluded.verdict WHERE verdict IS NULL",
    "INSERT OR IGNORE INTO failures SELECT own_trial.id, replicate, attempts, reason "
    f"FROM other.failures AS theirs {_TRIAL}",
    "DELETE FROM failures WHERE EXISTS (SELECT 1 FROM measurements WHERE "
    "measurements.trial = failures.trial AND measurements.replicate = failures.replicate)",
)
