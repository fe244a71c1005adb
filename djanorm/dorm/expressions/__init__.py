"""The vocabulary of expressions: names, values, arithmetic, conditions, subqueries."""

from dorm.expressions.arithmetic import Combined, ExpressionWrapper
from dorm.expressions.base import Expression
from dorm.expressions.conditional import Case, When
from dorm.expressions.conditions import Q
from dorm.expressions.ordering import OrderBy
from dorm.expressions.paths import FieldRef, RelationRef
from dorm.expressions.references import F, OuterRef
from dorm.expressions.subqueries import Exists, Subquery
from dorm.expressions.values import RawSQL, Value

__all__ = [
    "Case",
    "Combined",
    "Exists",
    "Expression",
    "ExpressionWrapper",
    "F",
    "FieldRef",
    "OrderBy",
    "OuterRef",
    "Q",
    "RawSQL",
    "RelationRef",
    "Subquery",
    "Value",
    "When",
]
