"""The groups of a table as one family of verdicts. Imports numpy, pandas and ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from theory.errors import InputError
from theory.expectations import Summary
from theory.verdict import Reason, ReasonKind, Verdict
from verify.judging.evidence import Evidence, Unjudged
from verify.judging.line import Line
from verify.judging.quantities import FAMILY_ALPHA, reading
from verify.judging.verdict import Judgement, conclude, fit_levels_of
from verify.statistics.multiplicity import holm_levels
from verify.tables.columns import Columns
from verify.tables.frame import Rows
from verify.tables.groups import Empty, Group, Selection, groups_of, kept, split
from verify.tables.subject import Subject
from verify.tables.task import Task, task_of
from verify.tables.weigh import weigh_measured

# From what a reader minds most.
_ORDER = (Verdict.REJECTED, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.ACCEPTED)


class Answer(NamedTuple):
    """One group: what is claimed of it, and what was found."""

    label: str
    task: Task
    judgement: Judgement


class ControlAnswer(NamedTuple):
    """The group of a control that was rejected most clearly, or came nearest to it."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Family:
    """All groups of a table; ``left_out`` says of groups without a verdict why they have none."""

    answers: tuple[Answer, ...]
    left_out: dict[str, str]
    control: ControlAnswer | None

    @property
    def verdict(self) -> Verdict:
        """The worst of all groups."""
        return worst(self.answers).judgement.verdict

    @property
    def judgement(self) -> Judgement:
        """That of the worst group, with those of all groups where the table has some."""
        chosen = worst(self.answers)
        if not chosen.label:
            return chosen.judgement
        counts = {str(v): sum(a.judgement.verdict is v for a in self.answers) for v in Verdict}
        why = Reason(
            ReasonKind.WORST_GROUP, (chosen.label,), counts, because=chosen.judgement.reasons
        )
        return replace(
            chosen.judgement,
            reasons=(why,),
            groups={answer.label: answer.judgement for answer in self.answers},
            left_out=self.left_out,
        )


def worst(answers: Sequence[Answer]) -> Answer:
    """The answer that a reader minds most, the clearest of several."""

    def key(answer: Answer) -> tuple[int, float]:
        interval, band = answer.judgement.interval, answer.task.claim.band
        beyond = 0.0
        if interval is not None:
            beyond = max(interval.low - band.high, band.low - interval.high)
        return _ORDER.index(answer.judgement.verdict), -beyond

    return min(answers, key=key)


def judge_family(
    frame: pd.DataFrame, columns: Columns, subject: Subject, selection: Selection
) -> Family:
    """The verdict on every group, at a family-wise error rate of 0.05 (Holm).

    A group that is exactly zero, or has one size, says nothing and is left out. The control is a
    family of its own: of "nothing grows" it is rejected if something grows in it. Raises
    ``InputError`` for what cannot be judged.
    """
    subject.check_columns(columns)
    selection.check(columns)
    frame = kept(frame, selection.where)
    own, of_control = split(frame, selection.control)
    answers, left_out = _judged(own, columns, subject, selection)
    if of_control is None or selection.control is None:
        without = [a._replace(judgement=_without_control(a.judgement)) for a in answers]
        return Family(tuple(without), left_out, None)
    name = "=".join(map(str, selection.control))
    try:
        controls, _ = _judged(of_control, columns, subject, selection)
    except InputError as error:
        raise InputError(f"control {name}: {error}") from None
    control = ControlAnswer(name, worst(controls))
    vouched = [a._replace(judgement=_vouched(a.judgement, control)) for a in answers]
    return Family(tuple(vouched), left_out, control)


def _judged(
    frame: pd.DataFrame, columns: Columns, subject: Subject, selection: Selection
) -> tuple[list[Answer], dict[str, str]]:
    """The answers of groups that have one, and why the others have none."""
    rows = Rows.of(frame, columns)
    rows = rows.without_gaps() if selection.empty is Empty.DIVERGED else rows
    groups = groups_of(rows, selection)
    left_out = {group.label: why for group in groups if (why := _nothing_said(group, subject))}
    tasks = []
    for group in groups:
        if group.label in left_out:
            continue
        try:
            tasks.append(task_of(group.rows, subject, selection.zeros))
        except InputError as error:
            raise InputError(f"{group.label}: {error}" if group.label else str(error)) from None
    if not tasks:
        label, why = next(iter(left_out.items()))
        raise InputError(f"nothing is left to judge: {why}" + (f" ({label})" if label else ""))
    family = [weigh_measured(task.claim, task.measured, task.notes) for task in tasks]
    labels = [group.label for group in groups if group.label not in left_out]
    judgements = _concluded(family)
    answers = [Answer(*each) for each in zip(labels, tasks, judgements, strict=True)]
    return answers, left_out


def _nothing_said(group: Group, subject: Subject) -> str | None:
    """Why a group says nothing: in every replicate it is zero, or it has one size."""
    relation = subject.relation
    if reading(relation.quantity).positive and group.rows.zero:
        bound = np.isinf(relation.band(subject.margin).low)
        holds = "; a bound on it holds" if bound else ""
        return f"all {len(group.rows.values)} measurements are exactly zero{holds}"
    exponent = relation.summary is Summary.EXPONENT
    if exponent and group.label and len(np.unique(group.rows.sizes)) < 2:
        return f"one size ({subject.x} = {group.rows.sizes[0]:g})"
    return None


def _concluded(family: Sequence[Evidence]) -> list[Judgement]:
    """One look at all of them; one that can decide nothing is no member of the family."""
    p_values = np.array([evidence.p_value for evidence in family])
    members = np.array([not isinstance(e, Line) or e.decides for e in family])
    levels = holm_levels(p_values, FAMILY_ALPHA, members)
    levels = np.where(members, levels, FAMILY_ALPHA)
    fits = fit_levels_of(family, FAMILY_ALPHA)
    return [
        conclude(evidence, float(level), float(fit))
        for evidence, level, fit in zip(family, levels, fits, strict=True)
    ]


def _without_control(judgement: Judgement) -> Judgement:
    """The judgement, with a note that no control vouches for a decision."""
    if isinstance(judgement.evidence, Unjudged):
        return judgement
    return replace(judgement, reasons=(*judgement.reasons, Reason(ReasonKind.NO_CONTROL)))


def _vouched(judgement: Judgement, control: ControlAnswer) -> Judgement:
    """A decision, if the control was rejected; without that an experiment decides nothing."""
    judged = control.answer.judgement
    decided = judgement.verdict in (Verdict.ACCEPTED, Verdict.REJECTED)
    if not decided or judged.verdict is Verdict.REJECTED:
        return judgement
    undecided = judged.verdict is Verdict.INCONCLUSIVE
    places = (control.name, str(judged.verdict))
    reason = Reason(ReasonKind.CONTROL_NOT_REJECTED, places, because=judged.reasons)
    verdict = Verdict.INCONCLUSIVE if undecided else Verdict.INVALID
    return replace(judgement, verdict=verdict, reasons=(reason,))
