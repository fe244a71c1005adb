"""From resolved conditions to SQL conditions, with the joins for which they reject NULL rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql import elements, operators

from dorm.dialects.kinds import Kind
from dorm.exceptions import FieldError
from dorm.expressions.base import Built, Expression
from dorm.expressions.conditional import Condition
from dorm.expressions.conditions import AND, OR, XOR
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.expressions.subqueries import Subquery
from dorm.expressions.values import RawSQL, Slot
from dorm.lookups.documents import KeyTransform, kind_of
from dorm.query.compile.joins import Join
from dorm.query.compile.related_exists import related_rows
from dorm.query.compile.result_types import field_named, is_number, key_of
from dorm.query.compile.scope import Scope, names_of_column, same_hops
from dorm.query.describe.predicates import Junction, Leaf, Predicate, Term

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.fields.base import Field

NO_JOINS: frozenset[Join] = frozenset()
_OPERATORS = {
    "=": operators.eq,
    "<>": operators.ne,
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}


class Clause(NamedTuple):
    """A condition.

    :ivar sql: the element, or True or False when it is known without the database.
    :ivar null_rejecting: the joins this condition is null-rejecting for; they may become INNER.
    """

    sql: Any
    null_rejecting: frozenset[Join] = NO_JOINS


class RightSide:
    """The right-hand side of a comparison, as passed to lookups."""

    __slots__ = ("_leaf", "_scope", "expressions", "left", "variant")

    left: Any
    variant: Any

    def __init__(self, scope: Scope, leaf: Leaf) -> None:
        self._scope = scope
        self._leaf = leaf
        self.left = leaf.left
        self.variant = leaf.right.variant
        self.expressions = leaf.right.expressions

    @property
    def is_value(self) -> bool:
        """Whether it is a bound value rather than an expression."""
        return bool(self._leaf.right.values)

    def sql(self, field: Field | None = None, position: int = 0) -> Any:
        """Part ``position`` as an element, bound with the type of ``field`` when it is a value."""
        if self._leaf.right.values:
            return self.bound(self._scope.bind_type(field) if field is not None else None, position)
        built = self._scope.beside_moment(self._expression(position, field), field)
        return self._scope.comparable(built._replace(sql=beside(self._scope, built, field))).sql

    def bound(self, type_: Any = None, position: int = 0) -> Element:
        """Value ``position`` as a parameter of an SQLAlchemy type; by its own type when None."""
        slot = self._leaf.right.values[position]
        if type_ is None:
            natural = self._scope.natural_field(slot.sample)
            type_ = natural.sql_type() if natural is not None else None
        return self._scope.compilation.bind(f"v[{slot.index}]", type_, self.column())

    def text(self, position: int = 0) -> Any:
        """Part ``position`` as text."""
        if self._leaf.right.values:
            return self.bound(sa.Text(), position)
        return self._scope.as_text(self._expression(position, field_named("TextField")))

    def select(self) -> Any:
        """The SELECT of a subquery."""
        subquery: Any = self.expressions[0]
        left = self._leaf.left
        field = left.path.field if isinstance(left, ColumnRef) else left.result_field()
        select, found = self._scope.compile_subquery(subquery.state, "members", field)
        if not _is_document(found) or field is None or _is_document(field):
            return select
        # values inside documents: with the kind of the left side
        value = self._scope.hooks.json_form(next(iter(select.subquery().c)), (), json_kind(field))
        return sa.select(value).where(value.is_not(None))

    def members(self) -> tuple[Any, Any]:
        """The SELECT of a subquery that a document is looked up in, and the field of its column."""
        subquery: Any = self.expressions[0]
        return self._scope.compile_subquery(subquery.state, "members")

    def _expression(self, position: int, field: Any) -> Built:
        expression = self.expressions[position]
        if field is not None and self._scope.is_bare_value(expression):
            return self._scope.bound_beside(expression, field)
        with self._scope.attributing_to(self.column()):
            return expression.build(self._scope)

    def column(self) -> str:
        """The names of the columns that its values are compared with, for masking."""
        return " ".join(dict.fromkeys(names_inside(self._leaf.left)))


class Clauses:
    """Builds conditions in a scope.

    :param split: whether a negated comparison over several related rows becomes a subquery about all of them, as in
        ``exclude()``; inside expressions the condition is about the joined row, as in Django.
    :ivar conjunct: whether the condition being built, or its opposite, is a member of a top-level AND.
    :ivar read: the expressions that were read from this scope's rows, not from a subquery.
    :ivar ties: the columns of this scope that correlate subqueries with its rows.
    """

    def __init__(self, scope: Scope, split: bool = True, *, conjunct: bool = True) -> None:
        self.scope = scope
        self.split = split
        self.conjunct = split and conjunct
        self.read: list[Expression] = []
        self.ties: list[Any] = []

    def build(self, node: Predicate, negated: bool | None = False, below_not: bool = False) -> Clause:
        """The condition of a node.

        :param negated: whether an odd number of NOTs encloses it; None where NULL must count as false either way.
        :param below_not: whether any NOT encloses it.
        """
        if isinstance(node, Leaf):
            return self._leaf(node, negated, below_not)
        if isinstance(node, Junction):
            return self._junction(node, negated, below_not)
        assert isinstance(node, Term)
        return self._term(node, negated)

    def _junction(self, node: Junction, negated: bool | None, below_not: bool) -> Clause:
        # the operands of XOR must be true or false, never unknown, whatever encloses them
        inside = None if negated is None or node.connector == XOR else negated ^ node.negated
        alone = self.conjunct
        self.conjunct = alone and (len(node.children) == 1 or (node.connector == AND and not node.negated))
        clauses = [self.build(child, inside, below_not or node.negated) for child in node.children]
        self.conjunct = alone
        clause = combined(node.connector, clauses)
        if not node.negated:
            return clause
        if isinstance(clause.sql, bool):
            return Clause(not clause.sql)
        return Clause(sa.not_(_grouped(clause.sql)))

    def _term(self, node: Term, negated: bool | None) -> Clause:
        self.read.append(node.expression)
        with self.scope.collecting():
            built = node.expression.build(self.scope)
        element = built.sql
        if isinstance(element, elements.False_):
            return Clause(False)
        if negated is not False and not isinstance(element, sa.Exists | elements.UnaryExpression):
            element = sa.and_(element, element.is_not(None))
        return Clause(element)

    def _leaf(self, leaf: Leaf, negated: bool | None, below_not: bool) -> Clause:
        path = leaf.left.path if isinstance(leaf.left, ColumnRef) else _path_inside(leaf.left)
        if self.split and below_not and not leaf.contains_aggregate:
            at = self._several(path, self._is_presence(leaf, path)) if path is not None else None
            prefix = () if path is None or at is None else path.hops[: at + 1]
            others = [other.hops for other in _other_paths(leaf, path) if self._several(other) is not None]
            if any(not prefix or not same_hops(hops[: len(prefix)], prefix) for hops in others):
                return self._split_here(leaf, path)
            if at is not None:
                return self._split(leaf, path, at)
        return self._one_row(leaf, path, negated)

    def _one_row(self, leaf: Leaf, path: Any, negated: bool | None) -> Clause:
        if leaf.right.variant == "nothing":
            if path is not None and path.multiple:
                # how often a row is returned does not depend on a value
                self.scope.column(path)
            return Clause(False)
        if path is not None and path.multiple and self._is_presence(leaf, path):
            return self._presence(path, _is_null_test(leaf))
        return self._compare(leaf, negated)

    def _several(self, path: Any, is_presence: bool = False) -> int | None:
        """The index of the hop by which a negated condition is about several related rows; None if about one.

        A related row that the same ``filter()`` has joined already is the one that the condition is about.
        """
        scope = self.scope
        end = path.last_relation if is_presence else len(path.hops)
        several = [n for n in range(len(scope._prefix), end) if path.hops[n].multiple]
        if not several:
            return None
        joined = path.hops[len(scope._prefix) : several[0] + 1]
        if scope.reuse is not None and scope.joins.has(joined, scope.reuse):
            return several[1] if len(several) > 1 else None
        return several[0]

    def _compare(self, leaf: Leaf, negated: bool | None) -> Clause:
        self.read.extend(leaf.expressions())
        with self.scope.collecting() as touched:
            left, element = self._sides(leaf)
        if isinstance(element, bool):
            return Clause(element)
        strict = leaf.lookup.strict and leaf.right.variant != "null"
        if negated is not False and strict:
            return Clause(self._known(leaf, left, element))
        null_rejecting = frozenset(touched) if strict or leaf.right.variant is False else NO_JOINS
        return Clause(element, null_rejecting)

    def _sides(self, leaf: Leaf) -> tuple[Built, Any]:
        """The left side of a comparison, and the whole."""
        scope = self.scope
        right = RightSide(scope, leaf)
        with scope.attributing_to(right.column()):
            left = scope.comparable(leaf.left.build(scope))
        for expression in leaf.right.expressions:
            left = scope.beside_moment(left, expression.result_field())
        if leaf.right.variant == "everything":
            return left, left.sql.is_not(None)
        if leaf.lookup.lookup_name == "in" and len(leaf.right.expressions) > 1:
            # equal to one of them; the others may be missing
            with scope.lenient():
                return left, leaf.lookup.build(scope, left, right)
        return left, leaf.lookup.build(scope, left, right)

    def _known(self, leaf: Leaf, left: Built, element: Element) -> Element:
        """``element``, with unknown turned into false."""
        if left.text is not None or self._reads_document(leaf):
            # inside a document a missing key is not the only NULL: another kind, or JSON's null read as text, is one
            # too
            return sa.func.coalesce(element, sa.false())
        guards = [left.sql.is_not(None)] if self._may_be_null(leaf.left) else []
        right = () if leaf.right.variant == "subquery" else leaf.right.expressions
        for expression in right:
            if len(right) > 1 or not isinstance(expression, ColumnRef | Slot):
                return sa.func.coalesce(element, sa.false())
            if self._may_be_null(expression):
                guards.append(expression.build(self.scope).sql.is_not(None))
        return sa.and_(_grouped(element), *guards) if guards else element

    def _may_be_null(self, expression: Expression) -> bool:
        if isinstance(expression, ColumnRef):
            path = expression.path
            return path.field.null or any(self.scope.may_be_absent(hop) for hop in path.hops)
        return not isinstance(expression, Slot)

    @staticmethod
    def _reads_document(leaf: Leaf) -> bool:
        return any(
            isinstance(part, KeyTransform) or (isinstance(part, ColumnRef) and _is_document(part.path.field))
            for right in leaf.right.expressions
            for part in _behind(right).flatten()
        )

    # -- multi-valued relations ------------------------------------------------------------------------------------

    @staticmethod
    def _is_presence(leaf: Leaf, path: Any) -> bool:
        """``relation__isnull=…`` over a multi-valued relation: whether related rows exist."""
        return (
            isinstance(leaf.left, ColumnRef)
            and path.relation is not None
            and (isinstance(leaf.right.variant, bool) or leaf.right.variant == "null")
            and leaf.lookup.lookup_name in ("isnull", "isnotnull", "exact")
            and any(hop.multiple for hop in path.hops[path.last_relation :])
        )

    def _presence(self, path: Any, absent: bool) -> Clause:
        at = next(i for i, hop in enumerate(path.hops) if i >= path.last_relation and hop.multiple)
        inner, outer = self._rerooted(path.hops[: at + 1])
        exists = related_rows(inner, path.hops[: at + 1], outer, [], conjunct=self.conjunct)
        return Clause(sa.not_(exists) if absent else exists)

    def _split(self, leaf: Leaf, path: Any, at: int) -> Clause:
        """A comparison below a NOT: some related row matches, as its own subquery (Django's split_exclude).

        :param at: the index of the hop that leads to these rows.
        """
        prefix = path.hops[: at + 1]
        inner, outer = self._rerooted(prefix)
        self._reads_annotations_of(leaf)
        conditions = _conditions_of(inner, Clauses(inner)._one_row(leaf, path, False))
        if conditions is None:
            return Clause(False)
        lone = self.conjunct and not _is_null_test(leaf)
        exists = related_rows(inner, prefix, outer, conditions, conjunct=lone)
        if not _is_null_test(leaf):
            return Clause(exists)
        # a missing row counts as NULL, as it does for filter()
        bare, outer = self._rerooted(prefix)
        return Clause(sa.or_(exists, sa.not_(related_rows(bare, prefix, outer, [], conjunct=False))))

    def _split_here(self, leaf: Leaf, path: Any) -> Clause:
        """A comparison below a NOT of several related rows with those of another relation: it holds for some of them."""
        inner = self.scope.rerooted(())
        conditions = _conditions_of(inner, Clauses(inner)._one_row(leaf, path, False))
        if conditions is None:
            return Clause(False)
        for other in (path, *_other_paths(leaf, path)):
            conditions += self._same_rows(inner, other)
        one: Any = sa.literal_column("1")
        same = inner.correlation((), self.scope.joins.root)
        self.ties.append(self.scope.joins.root.table.c[self.scope.opts.pk.column])
        self._reads_annotations_of(leaf)
        conditions = [*inner.restricting(), *conditions]
        select = sa.select(one).select_from(inner.joins.from_clause()).where(same, *conditions)
        return Clause(inner.correlated(select).exists())

    def _same_rows(self, inner: Scope, path: Any) -> list[Any]:
        """The conditions that tie the rows of ``path`` in ``inner`` to those joined here by the same ``filter()``."""
        scope = self.scope
        hops = () if path is None else path.hops
        joined = [n for n, hop in enumerate(hops, 1) if hop.multiple and scope.joins.has(hops[:n], scope.reuse)]
        if scope.reuse is None or not joined:
            return []
        hops, key = hops[: joined[-1]], hops[joined[-1] - 1].target.pk.column
        here = scope.joins.follow(hops, scope.reuse).table.c[key]
        self.ties.append(here)
        return [inner.joins.follow(hops, inner.reuse).table.c[key] == here]

    def _rerooted(self, prefix: tuple[Any, ...]) -> tuple[Scope, Join]:
        """A scope for the rows at the end of ``prefix``, and the join whose rows they belong to."""
        scope = self.scope
        own = prefix[len(scope._prefix) :]
        outer = scope.joins.follow(own[:-1], scope.reuse)
        self.ties.append(outer.table.c[prefix[-1].source_field.column])
        return scope.rerooted(prefix), outer

    def _reads_annotations_of(self, leaf: Leaf) -> None:
        """Makes a subquery read its own rows, and the annotations of the enclosing query."""
        parts = (part for expression in leaf.expressions() for part in expression.flatten())
        self.read.extend(part for part in parts if isinstance(part, AnnotationRef))


def _conditions_of(inner: Scope, clause: Clause) -> list[Element] | None:
    """The conditions of a rerooted scope, whose joins become inner; None when they are known to be false."""
    if clause.sql is False:
        return None
    inner.joins.make_inner(clause.null_rejecting)
    return [] if clause.sql is True else [clause.sql]


def _is_null_test(leaf: Leaf) -> bool:
    return leaf.right.variant is True or leaf.right.variant == "null"


def _behind(expression: Expression) -> Expression:
    """The expression behind an annotation; any other expression is returned unchanged."""
    while isinstance(expression, AnnotationRef):
        expression = expression.target
    return expression


def _path_inside(expression: Expression) -> Any:
    """The column path under transforms, or None."""
    if isinstance(expression, ColumnRef):
        return expression.path
    if isinstance(expression, AnnotationRef):
        return None
    children = list(expression.children())
    if len(children) == 0 or isinstance(expression, Condition):
        return None
    return _path_inside(children[0])


def _other_paths(leaf: Leaf, path: object) -> Iterator[Any]:
    """The paths over relations of several rows that a comparison reads, other than ``path`` on its left side."""
    for expression in leaf.expressions():
        for part in expression.flatten():
            if isinstance(part, ColumnRef) and part.path.multiple and part.path is not path:
                yield part.path


def _grouped(element: Element) -> Element:
    if isinstance(element, sa.Exists) or not hasattr(element, "self_group"):
        return element
    return element.self_group()


def combined(connector: str, clauses: list[Clause]) -> Clause:
    """The condition that all of them hold (AND), any (OR), or an odd number (XOR)."""
    return _all(clauses) if connector == AND else _any(clauses) if connector == OR else _odd(clauses)


def _all(clauses: list[Clause]) -> Clause:
    if any(clause.sql is False for clause in clauses):
        return Clause(False)
    parts = [clause for clause in clauses if clause.sql is not True]
    if not parts:
        return Clause(True)
    null_rejecting = frozenset().union(*(part.null_rejecting for part in parts))
    return Clause(parts[0].sql if len(parts) == 1 else sa.and_(*(p.sql for p in parts)), null_rejecting)


def _any(clauses: list[Clause]) -> Clause:
    if any(clause.sql is True for clause in clauses):
        return Clause(True)
    parts = [clause for clause in clauses if clause.sql is not False]
    if not parts:
        return Clause(not clauses)
    null_rejecting = reduce(frozenset.intersection, (part.null_rejecting for part in parts))
    return Clause(parts[0].sql if len(parts) == 1 else sa.or_(*(p.sql for p in parts)), null_rejecting)


def _odd(clauses: list[Clause]) -> Clause:
    """XOR of several: an odd number of them holds."""
    one: Any = sa.literal_column("1")
    zero: Any = sa.literal_column("0")
    terms: list[Any] = [
        (one if clause.sql else zero) if isinstance(clause.sql, bool) else sa.case((clause.sql, one), else_=zero)
        for clause in clauses
    ]
    total: Any = reduce(lambda a, b: a.op("+", return_type=sa.Integer())(b), terms)
    return Clause(elements.Grouping(total).op("%")(sa.literal_column("2")) == one)


def compare(scope: Scope, operator: str, left: Built, right: RightSide) -> Element:
    """``left operator right``."""
    return left.sql.operate(_OPERATORS[operator], right.sql(left.field))


def member(scope: Scope, left: Built, right: RightSide) -> Any:
    """``left IN (…)`` with the whole list as one parameter."""
    item = scope.bind_type(left.field) if left.field is not None else None
    if item is None:
        natural = scope.natural_field(right._leaf.right.values[0].sample[0])
        if natural is None:
            raise FieldError(f"The type of {left.sql} is not known, so a list cannot be compared with it.")
        item = natural.sql_type()
    if scope.compilation.literal:
        values = right._leaf.right.values[0].sample
        return left.sql.in_([sa.bindparam(None, value, type_=item, unique=True) for value in values])
    return scope.hooks.member(left.sql, right.bound, item)


def condition_value(scope: Scope, predicate: Predicate) -> Built:
    """A condition as a value: a single operand in any context."""
    clause = Clauses(scope, split=False).build(predicate)
    element = (sa.true() if clause.sql else sa.false()) if isinstance(clause.sql, bool) else clause.sql
    if isinstance(element, elements.UnaryExpression):
        element = elements.Grouping(element)
    return Built(element, scope.field_named("BooleanField"))


def json_compare(scope: Scope, operator: str, left: Expression, right: RightSide, position: int = 0) -> Element:
    """A document, or a value inside one, compared with part ``position`` of the right side if the kinds are equal."""
    operate = _OPERATORS[operator]
    if right.variant == "null":
        return scope.hooks.json_is_null(*_document(scope, left))
    document, keys = _document(scope, left)
    kind: str = right.variant[1 + position]
    before = right.variant[1 : 1 + position]
    number = sum((each == "expression") == (kind == "expression") for each in before)
    if kind != "expression":
        return scope.hooks.json_compare(document, keys, kind, operate, lambda type_: right.bound(type_, number))
    other = right._expression(number, None)
    kind = json_kind(other.field)
    if kind == "document":
        value = scope.hooks.json_value(document, keys)
        return scope.hooks.json_pair(value, other.sql, operate, ordered=operate is not operators.eq)
    found = scope.hooks.json_form(document, keys, kind)
    return found.operate(operate, scope.as_text(other) if kind == "text" else other.sql)


def names_inside(expression: Expression) -> Iterator[str]:
    """The names that values of an expression belong to, for masking: of columns, annotations, keys and functions."""
    for node in expression.flatten():
        if isinstance(node, ColumnRef):
            yield names_of_column(node.path.field)
        elif isinstance(node, AnnotationRef):
            yield node.name
            yield from names_inside(node.target)
        elif isinstance(node, KeyTransform):
            yield node.key
        elif isinstance(node, RawSQL):
            yield node.sql
        elif isinstance(node, Subquery):
            for _, selected in node.state.select or ():
                yield from names_inside(selected)
        else:
            yield " ".join(str(getattr(node, part, "")) for part in ("function", "template", "extra"))


def _is_document(field: object) -> bool:
    return field is not None and key_of(field).kind is Kind.JSON


def beside(scope: Scope, built: Built, field: Any) -> Element:
    """``built`` as a value of ``field``: a value inside a document is converted to one."""
    if field is None or _is_document(field) or not _is_document(built.field):
        return built.sql
    return scope.hooks.json_form(built.sql, (), json_kind(field))


def json_kind(field: object) -> str:
    """The JSON kind that corresponds to a field's type, for comparing values inside documents."""
    base = key_of(field)
    if _is_document(base):
        return "document"
    if base is not None and base.kind is Kind.BOOLEAN:
        return "boolean"
    return "number" if is_number(base) else "any" if base is None else "text"


def json_member(scope: Scope, left: Expression, right: RightSide) -> Element:
    """The condition that a value inside a document is one of several values or expressions."""
    document, keys = _document(scope, left)
    if right.variant == "subquery":
        select, field = right.members()
        value = scope.hooks.json_value if _is_document(field) else partial(scope.hooks.json_form, form=json_kind(field))
        return value(document, keys).in_(select)
    if right.variant != "list":
        return sa.or_(*(json_compare(scope, "=", left, right, n) for n in range(len(right.variant) - 1)))
    if not scope.compilation.literal:
        return scope.hooks.json_member(document, keys, right.bound)
    conditions = []
    for value in right._leaf.right.values[0].sample:
        bind = partial(sa.bindparam, None, value, unique=True)
        conditions.append(scope.hooks.json_compare(document, keys, kind_of(value), operators.eq, bind))
    return sa.or_(*conditions)


def json_absent(scope: Scope, left: Expression, absent: bool) -> Element:
    """Whether the key is missing."""
    present = scope.hooks.json_present(*_document(scope, left))
    return sa.not_(present) if absent else present


def _document(scope: Scope, left: Expression) -> tuple[Any, tuple[str, ...]]:
    if isinstance(left, KeyTransform):
        root, keys = left.steps()
        return root.build(scope).sql, keys
    return left.build(scope).sql, ()
