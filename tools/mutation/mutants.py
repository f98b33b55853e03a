"""Every mutant of a module: its source with one token changed. Imports cosmic-ray.

Cosmic-ray's operators, of each token to one or two others (a plus becomes a minus, not eleven
things of which most raise ``TypeError``), and two of our own: names that come in pairs, and
assignments with an operator. Annotations, decorators and words are left as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator
from parso.python.tree import Name
from parso.python.tree import Operator as Token

_FROM_COSMIC_RAY = (
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "AddNot",
    "NumberReplacer",
    "ZeroIterationForLoop",
)

_PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("cdf", "sf"),
    ("low", "high"),
    ("below", "above"),
    ("first", "last"),
)
_OTHER_NAME = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
_OTHER_ASSIGNMENT = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|="}


class _Replacement(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """Replace a token by its counterpart."""

    kind: Any
    others: dict[str, str]

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if type(node) is self.kind and node.value in self.others:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002
        node.value = self.others[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return ()


class _ReplaceName(_Replacement):
    kind, others = Name, _OTHER_NAME


class _ReplaceAssignment(_Replacement):
    kind, others = Token, _OTHER_ASSIGNMENT


def _operators() -> dict[str, Operator]:
    cosmic_ray = {name: get_operator(f"core/{name}")() for name in _FROM_COSMIC_RAY}
    return cosmic_ray | {
        "ReplaceName": _ReplaceName(),
        "ReplaceAssignment": _ReplaceAssignment(),
    }


@dataclass(frozen=True)
class Mutant:
    """A module with one token changed: the line that changed, in which function, and the source."""

    module: str
    number: int
    function: str
    line: str
    mutated: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is called in the list of equivalent mutants: it outlives moves of lines."""
        return self.module, self.function, self.line, self.mutated


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """All mutants of a module's source that differ from it and from each other as programs."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    seen = {_program(source)}
    for statement in tree.body:
        first, last = _first_line(statement), statement.end_lineno or 0
        before, after = "".join(lines[: first - 1]), "".join(lines[last:])
        chunk = "".join(lines[first - 1 : last])
        for operator in _operators().values():
            for occurrence in range(_count(operator, chunk)):
                changed = mutate_code(chunk, operator, occurrence)
                mutated = before + changed + after
                program = _program(mutated)
                if program is None or program in seen:
                    continue
                seen.add(program)
                number = _first_difference(lines, mutated.splitlines(keepends=True))
                yield Mutant(
                    module,
                    number,
                    _function_at(tree.body, number),
                    lines[number - 1].strip(),
                    mutated.splitlines()[number - 1].strip(),
                    mutated,
                )


def _count(operator: Operator, code: str) -> int:
    nodes: Iterator[Any] = ast_nodes(get_ast(code))
    return sum(1 for node in nodes for _ in operator.mutation_positions(node))


def _program(source: str) -> str | None:
    """The program without annotations and decorators, which are declarations; ``None`` if none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.ClassDef):
            node.decorator_list = []
        elif isinstance(node, ast.FunctionDef):
            node.returns, node.decorator_list = None, []
    return ast.dump(tree)


def _first_difference(lines: Sequence[str], mutated: Sequence[str]) -> int:
    pairs = enumerate(zip(lines, mutated, strict=False), 1)
    return next(number for number, (old, new) in pairs if old != new)


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    lines: list[int] = [decorator.lineno for decorator in decorators]
    return min([statement.lineno, *lines])


def _function_at(body: Sequence[ast.stmt], number: int, prefix: str = "") -> str:
    """The qualified name of the function or class that a line is in, empty for a module's own."""
    for statement in body:
        if _first_line(statement) <= number <= (statement.end_lineno or 0):
            if isinstance(statement, ast.ClassDef):
                return _function_at(statement.body, number, f"{prefix}{statement.name}.")
            if isinstance(statement, ast.FunctionDef):
                return prefix + statement.name
    return prefix.rstrip(".")
