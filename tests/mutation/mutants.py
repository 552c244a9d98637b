"""PURE: what may be wrong in a module: one small change at a time.

Nothing is changed that no test can see or that only makes noise: texts, annotations, decorators and
assertions stay as they are.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

OPPOSITES: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
LEFT_ALONE = {
    ast.AnnAssign: ("annotation",),
    ast.arg: ("annotation",),
    ast.Assert: ("test", "msg"),
    ast.ClassDef: ("decorator_list", "keywords"),
    ast.FunctionDef: ("decorator_list", "returns"),
    ast.AsyncFunctionDef: ("decorator_list", "returns"),
    ast.JoinedStr: ("values",),
}
"""Fields of nodes that are not entered."""
CONDITIONS = (ast.If, ast.IfExp, ast.While)
REMOVED = (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete)


@dataclass(frozen=True)
class _Place:
    """Where a change is made: a node stands in a field of its parent, in a list at `at`."""

    parent: ast.AST
    field: str
    at: int | None
    function: str
    lines: range

    def put(self, node: Any) -> None:
        if self.at is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.at] = node


@dataclass(frozen=True)
class Mutant:
    """One change. `key` names it as long as its line reads the same, wherever that stands."""

    key: str
    line: int
    lines: range
    """The lines of its statement, or of the head of it: whoever runs one of them may notice."""
    path: str
    tree: ast.Module
    place: _Place
    nodes: tuple[ast.AST, ast.AST]
    """What stands in that place of the tree, and what would."""

    @property
    def code(self) -> CodeType:
        """Compile the whole module with this change."""
        real, other = self.nodes
        self.place.put(other)
        try:
            return compile(ast.fix_missing_locations(self.tree), self.path, "exec")
        finally:
            self.place.put(real)


def mutants(source: str, module: str, path: str) -> list[Mutant]:
    """Return every mutant of a module in the order of its lines; `path` as the module's own."""
    tree, text = ast.parse(source), source.splitlines()
    seen: Counter[str] = Counter()
    found = []
    for place, node in _places(tree, "", range(1)):
        for other, becomes in _changes(node, place):
            line = getattr(node, "lineno", getattr(place.parent, "lineno", place.lines.start))
            key = f"{module} · {place.function or 'module'} · {text[line - 1].strip()} · {becomes}"
            seen[key] += 1
            if seen[key] > 1:
                key += f" ({seen[key]})"
            if hasattr(node, "lineno"):
                ast.copy_location(other, node)
            found.append(Mutant(key, line, place.lines, path, tree, place, (node, other)))
    return found


def _places(node: ast.AST, function: str, lines: range) -> Iterator[tuple[_Place, ast.AST]]:
    """Walk through all that may be changed, with where it stands."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    for field, value in ast.iter_fields(node):
        if field in LEFT_ALONE.get(type(node), ()):
            continue
        several = value if isinstance(value, list) else [value]
        for at, child in enumerate(several):
            if not isinstance(child, ast.AST):
                continue
            span = _lines_of(child) if isinstance(child, ast.stmt) else lines
            place = _Place(node, field, at if value is several else None, function, span)
            yield place, child
            yield from _places(child, function, span)


def _lines_of(statement: ast.stmt) -> range:
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if not body:
        return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    first = body[0].lineno if isinstance(body[0], ast.stmt) else body[0].pattern.lineno
    return range(statement.lineno, max(first, statement.lineno + 1))


def _changes(node: ast.AST, place: _Place) -> Iterator[tuple[ast.AST, str]]:
    """Yield what may stand in the place of a node, and how that reads."""
    for opposite in OPPOSITES.get(type(node), ()):
        yield opposite(), f"{NAMES[type(node)]} to {NAMES[opposite]}"
    for change in CHANGES:
        for other in change(node, place):
            yield other, f"{_written(node)} to {_written(other)}"


def _constant(node: ast.AST, _place: _Place) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)


def _negated(node: ast.AST, place: _Place) -> Iterator[ast.AST]:
    """Turn a condition round; of `not x` leave x."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
        return
    condition = place.field == "ifs" or (
        place.field == "test" and isinstance(place.parent, CONDITIONS)
    )
    if condition and isinstance(node, ast.expr) and not isinstance(node, ast.Compare):
        yield ast.UnaryOp(ast.Not(), node)


def _swapped(node: ast.AST, _place: _Place) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
        other = copy.copy(node)
        other.func = ast.copy_location(ast.Name(SWAPPED[node.func.id], ast.Load()), node.func)
        yield other


def _nothing_returned(node: ast.AST, _place: _Place) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Return) or node.value is None:
        return
    if not (isinstance(node.value, ast.Constant) and node.value.value in (None, True, False)):
        yield ast.Return(ast.Constant(None))


def _removed(node: ast.AST, _place: _Place) -> Iterator[ast.AST]:
    """Leave out a call for its effect, a `raise`, a change of what others see."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    stores = isinstance(node, ast.Assign) and isinstance(
        node.targets[0], ast.Attribute | ast.Subscript
    )
    if isinstance(node, REMOVED) or stores:
        yield ast.Pass()


def _jump(node: ast.AST, _place: _Place) -> Iterator[ast.AST]:
    if isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Break):
        yield ast.Continue()


CHANGES: tuple[Callable[[ast.AST, _Place], Iterator[ast.AST]], ...] = (
    _constant,
    _negated,
    _swapped,
    _nothing_returned,
    _removed,
    _jump,
)
NAMES: dict[type[ast.AST], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    ast.And: "and", ast.Or: "or", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip


def _written(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
