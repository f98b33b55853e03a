"""docs/findings/index.md and full.md state what is on record, all of it, and nothing else."""

import re
import tomllib
from pathlib import Path

import pytest

from theory.catalogue import PREDICTIONS, select
from theory.prediction import Profile

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([AXBC][^ |]*) \| (\S+) \| ([^|]*) \| ([^|]*) \|([^|]*)\|$", re.MULTILINE)

# Verdicts of two seeds, the second one's estimate, the distance of both, and the rival's verdicts.
SEEDS = re.compile(r"^\| ([AXBC][^ |]*) \|" + 6 * r" ([^|]*)\|" + "$", re.MULTILINE)


def rows(document: str) -> dict[str, tuple[str, ...]]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return {id: tuple(part.strip() for part in rest) for id, *rest in ROW.findall(text)}


def on_record(profile: str = "standard") -> dict[str, tuple[str, str, str | None]]:
    path = ROOT / "theory" / "catalogue" / "records" / f"{profile}.toml"
    found = {}
    for id, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        said = "-"
        if "estimate" in entry:
            low, high = entry["interval"]
            said = f"{entry['estimate']:+.3f} [{low:+.3f}, {high:+.3f}]"
        found[id] = (entry["verdict"], said, entry.get("rival"))
    return found


def plain(verdict: str) -> str:
    """Without the emphasis that everything but an acceptance has."""
    assert (verdict.strip("*") == "accepted") == (verdict == "accepted")
    return verdict.strip("*")


@pytest.mark.parametrize(
    ("document", "profile"),
    [
        ("docs/findings/index.md", "standard"),
        ("docs/findings/full.md", "full"),
    ],
)
def test_every_verdict_that_is_stated_is_on_record(document: str, profile: str) -> None:
    found, recorded = rows(document), on_record(profile)
    assert found
    for id, (verdict, estimate, _, rival) in found.items():
        expected = recorded[id]
        assert plain(verdict) == expected[0], id
        numbers = [float(number) for number in re.findall(r"[-+]\d+\.\d+", estimate)]
        known = [float(number) for number in re.findall(r"[-+]\d+\.\d+", expected[1])]
        assert numbers == pytest.approx(known, abs=1.1e-3), id
        assert (plain(rival.split(" ")[0]) or None) == expected[2] if rival else not expected[2], id


def test_every_prediction_has_its_finding() -> None:
    tried = {p.id for p in select((), Profile.STANDARD)}
    on_other_images = {id for id in on_record() if "@" in id}
    assert {id.partition("@")[0] for id in on_other_images} <= tried
    assert set(rows("docs/findings/index.md")) == tried | on_other_images
    assert set(rows("docs/findings/full.md")) == set(on_record("full"))
    known = {prediction.id for prediction in PREDICTIONS}
    assert {id.partition("@")[0] for id in on_record("full")} <= known


def test_the_findings_begin_with_every_rejection_of_a_published_claim() -> None:
    rejected = {id for id, (verdict, _, _) in on_record().items() if verdict == "rejected"}
    text = (ROOT / "docs/findings/index.md").read_text(encoding="utf-8")
    begins, ends = "<!-- generated: rejected-standard -->", "<!-- end of rejected-standard -->"
    table = text.partition(begins)[2].partition(ends)[0]
    shown = [id for id, *_ in ROW.findall(table)]
    assert sorted(shown) == sorted(id for id in rejected if "@" not in id)


def test_two_seeds_are_compared_in_every_prediction_and_contradict_each_other_in_none() -> None:
    text = (ROOT / "docs/findings/seeds.md").read_text(encoding="utf-8")
    compared = {id: [part.strip() for part in rest] for id, *rest in SEEDS.findall(text)}
    assert list(compared) == [prediction.id for prediction in select((), Profile.STANDARD)]
    recorded, pairs = on_record(), []
    for id, (first, second, _, _, *rivals) in compared.items():
        verdict, _, rival = recorded[id]
        assert (plain(first), plain(rivals[0]) or None) == (verdict, rival), id
        pairs += [(plain(first), plain(second)), *([tuple(map(plain, rivals))] if rival else [])]
    assert not {("accepted", "rejected"), ("rejected", "accepted")} & set(pairs)
    same = sum(first == second for first, second in pairs)
    said = " ".join(text.split())
    assert f"{same} of {len(pairs)} verdicts are the same" in said
    distances = [float(distance) for _, _, _, distance, *_ in compared.values() if distance]
    size = (sum(distance**2 for distance in distances) / len(distances)) ** 0.5
    assert f"the root mean square of {len(distances)} distances is {size:.2f}" in said
