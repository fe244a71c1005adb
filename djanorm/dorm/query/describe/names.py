"""Resolving names when the chain is built: the only place where an unknown name raises.

:class:`Names` answers for one query state: its model's paths and its annotations.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from dorm.exceptions import FieldDoesNotExist, FieldError
from dorm.expressions.base import Comparison, Expression, Uncacheable, are_values, as_operand, is_operand
from dorm.expressions.conditional import Condition
from dorm.expressions.conditions import AND, Q
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.expressions.subqueries import Subquery
from dorm.lookups import builtin as _builtin  # noqa: F401  (registers the built-in lookups)
from dorm.lookups import registry
from dorm.lookups.base import INTEGER_LIMIT, Lookup, Right, Transform
from dorm.lookups.comparison import Exact
from dorm.query.describe.paths import transform_of, walk
from dorm.query.describe.predicates import Junction, Leaf, Predicate, Term, joined
from dorm.query.describe.related_values import key_value
from dorm.utils.bounds import PARTS, check_path, too_deep
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field

_RELATION_LOOKUPS = frozenset(("exact", "ne", "in", "gt", "gte", "lt", "lte", "range", "isnull", "isnotnull"))


class Template:
    """A keyword such as ``author__age__gte``, resolved for a model: everything that does not depend on the value."""

    __slots__ = ("bilateral", "exact_types", "field", "key", "left", "lookup", "relation")

    key: Hashable

    def __init__(self, left: Expression, field: FieldLike | None, relation: Any, lookup: Any) -> None:
        self.left = left
        self.field = field
        self.relation = relation
        self.lookup = lookup
        self.bilateral = bilateral_transforms(left)
        # a value of exactly these types needs no preparation, so it is the whole right-hand side
        plain = type(lookup).read in (Lookup.read, Exact.read) and not self.bilateral
        same = type(lookup).prepare is Lookup.prepare and lookup.takes_field_values
        self.exact_types = field.exact_types if plain and same and relation is None and field is not None else ()
        self.key = _fixed_key(lookup, left)
        if self.key is None:
            self.exact_types = ()

    def leaf(self, value: Any) -> Leaf:
        """The condition that compares with ``value``."""
        kind = type(value)
        if kind in self.exact_types and (kind is not int or -INTEGER_LIMIT <= value < INTEGER_LIMIT):
            return Leaf.of_value(self.left, self.lookup, Right("value", (value,)), self.key)
        if self.relation is not None:
            value = key_value(self.relation, self.field, value, self.lookup.lookup_name)
        if self.bilateral:
            value = self._transformed(value)
        right = self.lookup.read(self.field, value)
        if right.variant == "value" and len(right.values) == 1 and self.key is not None:
            return Leaf.of_value(self.left, self.lookup, right, self.key)
        return Leaf(self.left, self.lookup, right)

    def _transformed(self, value: Any) -> Any:
        """The right-hand side with bilateral transforms applied."""
        if value is None or not self.lookup.strict:
            return value
        if isinstance(value, list | tuple | set):
            return [item if item is None else self._transformed(item) for item in value]
        if hasattr(value, "get_queryset") or isinstance(value, Subquery):
            raise NotImplementedError(
                f"'{self.bilateral[0].lookup_name}' transforms both sides of a comparison, which a queryset on the right "
                "cannot be: apply the transform inside it, or list its values."
            )
        expression = as_operand(value) if is_operand(value) else self.lookup.beside(self.field, value)
        for transform in self.bilateral:
            expression = transform.of(expression)
        return expression


def bilateral_transforms(left: Expression) -> tuple[Transform, ...]:
    """The transforms of a left side that also apply to the right side, in order."""
    found: list[Transform] = []
    node = left
    while isinstance(node, Transform):
        if node.bilateral:
            found.append(node)
        node = node.source_expressions[0]
    return tuple(reversed(found))


def _fixed_key(lookup: Lookup, left: Expression) -> Hashable:
    """The cache key of a comparison with one plain value; None when the left side has values or no key."""
    values: list[Any] = []
    try:
        shape = left.cache_key(values)
    except Uncacheable:
        return None
    return None if values else (lookup, shape, "value", ())


class Names:
    """The names of one query state."""

    __slots__ = ("_annotations", "aggregatable", "opts", "parts", "state")

    def __init__(self, state: Any) -> None:
        # annotations that may be aggregated again although they are aggregates: over a subquery, in aggregate()
        self.aggregatable: frozenset[str] = frozenset()
        # how many expressions may still be resolved
        self.parts = PARTS
        self.state = state
        self.opts = state.opts
        self._annotations = state.annotations

    # -- references ------------------------------------------------------------------------------------------------

    def reference(self, name: str) -> Expression:
        """The expression that ``F(name)`` refers to: an annotation, a column, or transforms of either.

        :raises FieldDoesNotExist: naming the bad part and the valid ones.
        """
        head, rest = self._annotated(name)
        if head is not None:
            self._check_aggregated(head)
            annotation = self._annotations[head]
            return self._transformed(AnnotationRef(head, annotation), annotation.result_field(), rest, name)
        try:
            path, parts = walk(self.opts, name)
        except FieldDoesNotExist as problem:
            raise FieldDoesNotExist(f"{problem} For literal text use Value({name!r}).") from None
        return self._transformed(ColumnRef(path), path.field, parts, name, path.relation)

    def _check_aggregated(self, name: str) -> None:
        selected = self.state.selected
        if name in self.aggregatable and selected is not None and name not in selected:
            raise FieldError(f"Cannot aggregate over the '{name}' alias. Use annotate() to promote it.")

    def _annotated(self, name: str) -> tuple[str | None, tuple[str, ...]]:
        """The annotation that ``name`` starts with, the longest one (default names hold ``__``), and the parts after it."""
        if not self._annotations:
            return None, ()
        check_path(name)
        parts = name.split("__")
        for count in range(len(parts), 0, -1):
            head = "__".join(parts[:count])
            if head in self._annotations:
                return head, tuple(parts[count:])
        return None, ()

    def _transformed(
        self, expression: Expression, field: Any, parts: tuple[str, ...], name: str, relation: Any = None
    ) -> Expression:
        for part in parts:
            transform = None if field is None else transform_of(field, relation, part)
            if transform is None:
                raise self._bad_part(name, part, field)
            expression = transform(expression)
            field, relation = expression.result_field(), None
        return expression

    def _bad_part(self, name: str, part: str, field: FieldLike | None) -> FieldDoesNotExist:
        valid = registry.names_for(type(field)) if field is not None else []
        kind = type(field).__name__ if field is not None else "an expression of unknown type"
        return FieldDoesNotExist(
            f"Unsupported lookup '{part}' for {kind} in '{name}' of {self.opts.object_name}, or join on the field not "
            f"permitted: '{part}' is neither a lookup nor a transform there. {hint(part, valid)}"
        )

    # -- conditions ------------------------------------------------------------------------------------------------

    def template(self, name: str) -> Template:
        """The resolved form of a lookup keyword; cached per model when no annotation is involved."""
        if not self._annotations:
            found: Template = self.opts.derived(("lookup", name), self._make_template, name)
            return found
        return self._make_template(name)

    def _make_template(self, name: str) -> Template:
        head, rest = self._annotated(name)
        if head is not None:
            annotation = self._annotations[head]
            return self._finish_template(AnnotationRef(head, annotation), annotation.result_field(), None, rest, name)
        path, parts = walk(self.opts, name)
        return self._finish_template(ColumnRef(path), path.field, path.relation, parts, name)

    def _finish_template(
        self, left: Expression, field: Any, relation: Any, parts: tuple[str, ...], name: str
    ) -> Template:
        parts = parts or ("exact",)
        for part in parts[:-1]:
            left = self._transformed(left, field, (part,), name, relation)
            field, relation = left.result_field(), None
        final = parts[-1]
        lookup = find_lookup(field, left, final)
        if relation is not None and lookup is not None and final not in _RELATION_LOOKUPS:
            raise FieldDoesNotExist(
                f"Related Field got invalid lookup: {final} (in '{name}' of {self.opts.object_name}). A relation compares "
                f"by its key: {', '.join(sorted(_RELATION_LOOKUPS))}."
            )
        if lookup is None:
            left = self._transformed(left, field, (final,), name, relation)
            field, relation = left.result_field(), None
            lookup = find_lookup(field, left, "exact")
        return Template(left, field, relation, lookup)

    def comparison(self, left: Expression, lookup: str, right: object) -> Expression:
        """``left`` (resolved) compared with ``right`` as a boolean expression."""
        made = Condition(Q())
        made.predicate = self.compare(left, lookup, right)
        made.contains_aggregate = made.predicate.contains_aggregate
        made.contains_outer = made.predicate.contains_outer
        return made

    def compare(self, left: Expression, lookup: str, right: object) -> Leaf:
        """The condition ``left <lookup> right`` for a resolved expression."""
        field = left.result_field()
        template = self._finish_template(left, field, None, tuple(lookup.split("__")), f"{left!r}__{lookup}")
        return self._leaf(template, right)

    def _leaf(self, template: Template, value: object) -> Leaf:
        if isinstance(value, str | int) or not _has_names(value):
            return template.leaf(value)
        return template.leaf(self.resolved(value))

    def resolved(self, value: Any) -> Any:
        """``value`` with the names in it resolved, wherever it may hold expressions."""
        if isinstance(value, Expression):
            return value.resolve(self)
        if isinstance(value, Q):
            return Condition(value).resolve(self)
        if hasattr(value, "as_expression"):
            return value.as_expression().resolve(self)
        if isinstance(value, list | tuple | set):
            return [self.resolved(item) for item in value]
        return value

    def lookups(self, lookups: dict[str, Any], negated: bool) -> Predicate:
        """Keyword lookups, ANDed."""
        try:
            if len(lookups) == 1 and not negated:
                ((name, value),) = lookups.items()
                return self._leaf(self.template(name), value)
            children = tuple([self._leaf(self.template(name), value) for name, value in lookups.items()])
        except RecursionError as problem:
            raise too_deep() from problem
        return Junction(children, AND, negated)

    def predicate(self, condition: object) -> Predicate:
        """A ``Q``, a ``(lookup, value)`` pair or a boolean expression, resolved.

        :raises TypeError: for anything else.
        """
        if isinstance(condition, Q):
            try:
                children = [self.predicate(child) for child in condition.children]
            except RecursionError as problem:
                raise too_deep() from problem
            return joined(children, condition.connector, condition.negated)
        if isinstance(condition, tuple) and len(condition) == 2 and isinstance(condition[0], str):
            return self._leaf(self.template(condition[0]), condition[1])
        if isinstance(condition, Comparison):
            return self.compare(condition.left.resolve(self), condition.lookup, condition.right)
        if isinstance(condition, Expression):
            resolved = condition.resolve(self)
            if isinstance(resolved, Condition):
                return resolved.predicate
            if not resolved.conditional:
                raise TypeError(f"Cannot filter against a non-conditional expression: {condition!r}.")
            return Term(resolved)
        convert = getattr(condition, "as_expression", None)
        if convert is not None:
            return self.predicate(convert())
        raise TypeError(f"filter() and exclude() take Q objects, boolean expressions and keywords, not {condition!r}.")

    def check_subquery(self, state: Any) -> None:
        """Refuse a subquery over another database."""
        if self.state.using and state.using and state.using != self.state.using:
            raise ValueError(
                f"Subqueries aren't allowed across different databases: '{state.using}' inside '{self.state.using}'. "
                "Force the inner query to be evaluated using list(inner_query)."
            )


def find_lookup(field: Field, left: Expression, name: str) -> Lookup | None:
    """The lookup ``name`` for a left side: its own (documents), its field's, or the common one."""
    own = getattr(left, "lookups", None)
    if own is not None and name in own:
        return own[name]
    if field is None:
        return registry.find_lookup(registry.base_field, name)
    return field.get_lookup(name)


def _has_names(value: object) -> bool:
    if isinstance(value, list | tuple | set):
        return not are_values(value) and any(is_operand(item) for item in value)
    return is_operand(value)
