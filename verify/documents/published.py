"""Published parameterizations as tables of the docs. Imports ``theory`` and ``markdown``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from theory.catalogue.published import FILES, Entry, Known, Table, publication, tables
from theory.catalogue.published.comparison import agreement, disagreements, problems
from theory.parameterization import Optimizer
from theory.scaling import Axis
from verify.documents.markdown import markdown_table

_AGREES, _DIFFERS, _OPEN = "agrees", "differs", "open"


def published(what: str) -> list[str] | None:
    """The lines of a block of that name, or ``None`` where there is none."""
    if what in FILES:
        return _cells(what)
    made = _BLOCKS.get(what)
    return None if made is None else made()


def _judged(table: Table, entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Role, optimizer and what is said of them."""
    for optimizer in entry.optimizers:
        for role in entry.roles:
            yield role, optimizer, agreement(table, entry, role, optimizer)


def _results(table: Table) -> Counter[str]:
    return Counter(said for entry in table.entries for _, _, said in _judged(table, entry))


def _counts() -> list[str]:
    """A sentence, and a row for each table."""
    total: Counter[str] = Counter()
    rows = []
    for table in tables():
        results = _results(table)
        total += results
        rows.append((*_place(table), table.preset, *_numbers(results), _counted(table)))
    agree, differ, open_, elsewhere = _numbers(total)
    said = (
        f"{total.total()} entries of {len(rows)} tables: {agree} agree with their preset, {differ} "
        f"differ, {open_} name no power, and theory has no place for {elsewhere}."
    )
    header = ("source", "table", "parameterization", "preset", "agree", "differ", "open")
    return [said, "", *markdown_table((*header, "no place", "power counting"), rows)]


def _place(table: Table) -> tuple[str, str, str]:
    return table.document, table.name, table.variant


def _numbers(results: Counter[str]) -> tuple[str, str, str, str]:
    counts = [results[name] for name in (_AGREES, _DIFFERS, _OPEN)]
    agree, differ, open_ = map(str, counts)
    return agree, differ, open_, str(results.total() - sum(counts))


def _counted(table: Table) -> str:
    """Along each axis: what the source says, and whether power counting says so too."""
    optimizers = [optimizer for optimizer in table.optimizers if optimizer in set(Optimizer)]
    if not optimizers:
        return "not counted"
    return "; ".join(_claim(table, optimizers, axis) for axis in table.axes)


def _claim(table: Table, optimizers: list[str], axis: Axis) -> str:
    works = table.scales.get(axis)
    said = "no claim" if works is None else "works" if works else "fails"
    denying = dict.fromkeys(
        network
        for optimizer in optimizers
        for network, found in problems(table, optimizer, axis).items()
        if bool(found) is (works is not False)
    )
    answer = f"**denied** in {', '.join(denying)}" if denying else "confirmed"
    return f"{axis}: {said}, {answer}"


def _differing() -> list[str]:
    """Both sides of every disagreement, and the reason; once where several tables have the same."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for table in tables():
        for known in table.known:
            row = (known.optimizer, *_sides(table, known), known.reason)
            rows.setdefault(row, []).append(str(table))
    header = ("optimizer", "what", "the tables", "theory", "why", "in")
    return markdown_table(header, ((*row, "; ".join(places)) for row, places in rows.items()))


def _sides(table: Table, known: Known) -> tuple[str, str, str]:
    """What is known to differ, the table's side of it, and the other."""
    found = {(one.against, one.what): one for one in disagreements(table, known.optimizer)}
    sides = [found[known.against, what] for what in known.what]
    theirs = "; ".join(dict.fromkeys(one.table for one in sides))
    ours = "; ".join(dict.fromkeys(one.ours for one in sides))
    return "; ".join(known.what), theirs, f"{ours} ({known.against})"


def _without_place() -> list[str]:
    """What theory cannot express, and how many cells are concerned."""
    total: Counter[str] = Counter()
    for table in tables():
        total += _results(table)
    rows = [
        (reason, str(count))
        for reason, count in total.most_common()
        if reason not in (_AGREES, _DIFFERS, _OPEN)
    ]
    return markdown_table(("no place in theory", "entries"), rows)


def _not_found() -> list[str]:
    """What was looked for and not found."""
    return [f"- {line}" for name in FILES for line in publication(name).not_found]


def _cells(name: str) -> list[str]:
    """Every cell of a file, after where its text was read."""
    found = publication(name).tables
    read = dict.fromkeys(f"{table.document}: {table.read}." for table in found)
    notes = dict.fromkeys(f"{table}: {table.note}" for table in found if table.note)
    rows = [_row(table, entry) for table in found for entry in table.entries]
    header = ("table", "parameterization", "cell", "role", "quantity", "says", "power")
    return [
        *(f"- {line}" for line in (*read, *notes)),
        "",
        *markdown_table((*header, "verdict"), rows),
    ]


def _row(table: Table, entry: Entry) -> tuple[str, ...]:
    said: dict[str, list[str]] = {}
    for role, optimizer, verdict in _judged(table, entry):
        said.setdefault(verdict, []).append(f"{role}, {optimizer}")
    verdicts = "; ".join(
        verdict if len(said) == 1 else f"{verdict} ({'; '.join(whose)})"
        for verdict, whose in said.items()
    )
    return (
        table.name,
        table.variant,
        f"{entry.row}: {entry.column}",
        ", ".join(entry.roles),
        f"{entry.quantity} ({', '.join(entry.optimizers)})",
        f"`{entry.says}`",
        "-" if entry.power is None else str(entry.power),
        verdicts,
    )


_BLOCKS: Mapping[str, Callable[[], list[str]]] = {
    "counts": _counts,
    "disagreements": _differing,
    "no-place": _without_place,
    "not-found": _not_found,
}
