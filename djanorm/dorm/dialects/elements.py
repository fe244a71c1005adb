"""Names for SQLAlchemy's generic types where the Python type of the values is not known: most of SQL is made of these."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.elements import Label as SQLAlchemyLabel
from sqlalchemy.sql.selectable import Select
from sqlalchemy.types import TypeEngine

#: A piece of SQL that has a value.
Element: TypeAlias = ColumnElement[Any]
#: A column type.
SqlType: TypeAlias = TypeEngine[Any]
#: An element with the name of its column.
Label: TypeAlias = SQLAlchemyLabel[Any]
#: A SELECT.
AnySelect: TypeAlias = Select[Any]
