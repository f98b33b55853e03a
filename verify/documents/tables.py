"""Tables of README.md and docs, from what is on record. Imports ``theory`` and ``verify``.

A page has each between a line ``<!-- generated: NAME -->`` and a line ``<!-- end of NAME -->``;
``generated`` says which names there are. What a line says of a relation is in its own words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from theory.catalogue import find, select
from theory.catalogue.records import SECOND_SEED, Recorded, Records, parse_records
from theory.errors import InputError
from theory.observables import Observable
from theory.prediction import Prediction, Profile, Standing
from theory.relations import Relation
from theory.verdict import Verdict
from verify.documents.checkout import records_path
from verify.documents.markdown import markdown_table
from verify.documents.published import published

_BLOCK = re.compile(
    r"^<!-- generated: (?P<name>[^\n]+) -->$(?P<body>.*?)^<!-- end of (?P=name) -->$",
    re.DOTALL | re.MULTILINE,
)
_MARKER = re.compile(r"^<!-- (?:generated: |end of )[^\n]*-->$", re.MULTILINE)

AllRecords = Mapping[str, Records]


def all_records(root: Path) -> dict[str, Records]:
    """What a checkout has on record, by the name of the file."""
    paths = {name: records_path(root, name) for name in (*Profile, SECOND_SEED)}
    return {name: parse_records(path.read_text("utf-8")) for name, path in paths.items()}


def pages(root: Path) -> list[Path]:
    """The pages of a checkout in which tables may stand."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def renewed_pages(root: Path, records: AllRecords) -> dict[Path, str]:
    """The text of every page with its tables made anew.

    Raises ``InputError`` for an unknown name, and for a marker without its other half.
    """
    texts = {}
    for path in pages(root):
        try:
            texts[path] = renewed(path.read_text(encoding="utf-8"), records)
        except InputError as error:
            raise InputError(f"{path.relative_to(root)}: {error}") from None
    return texts


def renewed(text: str, records: AllRecords) -> str:
    """A page with its tables made anew."""
    stray = _MARKER.search(_BLOCK.sub("", text))
    if stray is not None:
        raise InputError(f"{stray[0]} has no other half")

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        if _MARKER.search(match["body"]):
            raise InputError(f"a marker stands inside of {name}")
        lines = "\n".join(generated(name, records))
        return f"<!-- generated: {name} -->\n\n{lines}\n\n<!-- end of {name} -->"

    return _BLOCK.sub(block, text)


def generated(name: str, records: AllRecords) -> list[str]:
    """The lines of a block; ``InputError`` for an unknown name, and for one of nothing."""
    kind, _, what = name.partition("-")
    rows: list[Row] = []
    if kind == "rejected" and what in list(Profile):
        return _rejected(what, records[what])
    if kind == "counts" and what in list(Profile):
        return [_counts(records[what])]
    if kind == "claim":
        rows = [row for row in _rows(records) if _is_about(row[1], what)]
    if kind == "campaign":
        rows = [row for row in _rows(records) if row[2][row[1]].campaign.name == what]
    if rows:
        return _table(rows)
    if kind == "published" and (lines := published(what)) is not None:
        return lines
    if name == "observables":
        return _observables()
    if name == "seeds" and records[SECOND_SEED]:
        return _seeds(records[Profile.STANDARD], records[SECOND_SEED])
    raise InputError(
        f"nothing is generated for {name!r}; the names are rejected-PROFILE, counts-PROFILE, "
        "claim-PREFIX of ids, campaign-NAME as in the records, published-NAME, observables and "
        "seeds"
    )


def _observables() -> list[str]:
    """All of them by the experiment that measures them."""
    rows = [(each, each.experiment.name, each.definition) for each in Observable]
    return markdown_table(("observable", "experiment", "definition"), rows)


def _is_about(id: str, prefix: str) -> bool:
    """Whether an id is of a claim (A15), of a part of one (A15.path) or of a section (A)."""
    claim = id.partition("@")[0]
    return claim == prefix or claim.startswith(f"{prefix}.") or claim[0] == prefix


Row = tuple[str, str, Records]  # profile, id, and what is on record of that profile


def in_catalogue_order(ids: Iterable[str]) -> list[str]:
    """Ids as the catalogue has them, those on other images behind the claim's own.

    Raises ``InputError`` for one that the catalogue does not have.
    """
    ranks = {prediction.id: rank for rank, prediction in enumerate(select(()))}
    places = {id: ranks[prediction_of(id).id] for id in ids}
    return sorted(places, key=lambda name: (places[name], name))


def _rows(records: AllRecords) -> list[Row]:
    """Everything on record: by prediction, each in every profile."""
    ids = in_catalogue_order({id for profile in Profile for id in records[profile]})
    return [(str(p), id, records[p]) for id in ids for p in Profile if id in records[p]]


def prediction_of(id: str) -> Prediction:
    """The prediction of the catalogue that an id on record is about, on whatever images."""
    return find(id.partition("@")[0])


def _table(rows: Iterable[Row]) -> list[str]:
    header = ("prediction", "profile", "standing", "verdict", "estimate [interval]", "predicted")
    return markdown_table((*header, "rival"), map(_cells, rows))


def _cells(row: Row) -> tuple[str, ...]:
    profile, id, records = row
    prediction, record = prediction_of(id), records[id]
    rival = ""
    if prediction.rival is not None and record.rival is not None:
        rival = f"{_emphasized(record.rival.verdict)} ({prediction.rival.relation})"
    return (
        id,
        profile,
        standing(prediction, records),
        _emphasized(record.verdict),
        _estimate(record),
        predicted(prediction.relation, float(prediction.margin)),
        rival,
    )


def standing(prediction: Prediction, records: Records) -> str:
    """Whose statement it is; of a reading also the verdict on its twin in the same profile.

    A source of which one reading is rejected may have meant the other one.
    """
    if prediction.twin is None:
        return str(prediction.standing)
    twin = records.get(prediction.twin)
    return f"{prediction.standing}, twin {'not tried' if twin is None else twin.verdict}"


def predicted(relation: Relation, margin: float) -> str:
    """The predicted statistic; the end of its band with the margin, where that has one end."""
    low, high = relation.band(margin)
    if math.isinf(high):
        return f"above {low:+g}"
    return f"below {high:+g}" if math.isinf(low) else f"{relation.expected:+g}"


def _estimate(record: Recorded) -> str:
    if record.estimate is None or record.interval is None:
        return "-"
    low, high = record.interval
    return f"{record.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"


def _emphasized(verdict: Verdict) -> str:
    return str(verdict) if verdict is Verdict.ACCEPTED else f"**{verdict}**"


def _on_digits(records: Records) -> dict[str, Recorded]:
    """Without the same claims on other images."""
    return {id: record for id, record in records.items() if "@" not in id}


def _by_standing(ids: Iterable[str], records: Records) -> str:
    """How many have which standing, what a source states first."""
    ordered = sorted(map(prediction_of, ids), key=_rank_of_standing)
    counts = Counter(standing(prediction, records) for prediction in ordered)
    return "; ".join(f"{count} {name}" for name, count in counts.items())


def _rank_of_standing(prediction: Prediction) -> int:
    return list(Standing).index(prediction.standing)


def _counts(records: Records) -> str:
    """One sentence: how many predictions have which verdict and which standing."""
    counted = _on_digits(records)
    parts = []
    for verdict in (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.INCONCLUSIVE, Verdict.INVALID):
        ids = [id for id, record in counted.items() if record.verdict is verdict]
        whose = f" ({_by_standing(ids, records)})" if ids else ""
        said = f"{len(ids) or 'none'} {'are' if len(ids) > 1 else 'is'} {verdict}{whose}"
        parts.append(said)
    return f"Of {len(counted)} predictions, {', '.join(parts[:-1])} and {parts[-1]}."


def _rejected(profile: str, records: Records) -> list[str]:
    """How many are rejected, and which: what a source states before readings and our own."""
    counted = _on_digits(records)
    ids = [id for id, record in counted.items() if record.verdict is Verdict.REJECTED]
    ids.sort(key=lambda name: _rank_of_standing(prediction_of(name)))
    said = f"{len(ids)} of {len(counted)} predictions are rejected: {_by_standing(ids, records)}."
    return [said, "", *_table((profile, id, records) for id in ids)]


def _seeds(first: Records, second: Records) -> list[str]:
    """How far two seeds agree, and their verdicts on every prediction."""
    pairs = [(first[id], second[id]) for id in in_catalogue_order(second)]
    verdicts = [(one.verdict, two.verdict) for one, two in pairs]
    verdicts += [
        (one.rival.verdict, two.rival.verdict) for one, two in pairs if one.rival and two.rival
    ]
    same = sum(one is two for one, two in verdicts)
    distances = [two.distance for _, two in pairs if two.distance is not None]
    said = f"{same} of {len(verdicts)} verdicts are the same."
    if distances:
        size = math.sqrt(sum(distance**2 for distance in distances) / len(distances))
        said += (
            f" The root mean square of {len(distances)} distances is {size:.2f} standard errors."
        )
    header = ("prediction", "standing", "seed", "second seed", "estimate", "second estimate")
    ids = in_catalogue_order(second)
    cells = (_compared(id, first, second) for id in ids)
    return [said, "", *markdown_table((*header, "z", "rival", "second rival"), cells)]


def _compared(id: str, first: Records, second: Records) -> tuple[str, ...]:
    one, two = first[id], second[id]
    rivals = [_emphasized(each.rival.verdict) if each.rival else "" for each in (one, two)]
    return (
        id,
        standing(prediction_of(id), first),
        f"{one.campaign.seed}: {_emphasized(one.verdict)}",
        f"{two.campaign.seed}: {_emphasized(two.verdict)}",
        _estimate(one),
        _estimate(two),
        "" if two.distance is None else f"{two.distance:+.1f}",
        *rivals,
    )
