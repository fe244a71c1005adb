"""The names of Pydantic that this package uses; importing it fails with a hint where Pydantic 2 is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.utils.optional import require

if TYPE_CHECKING:
    from pydantic import (
        VERSION,
        AfterValidator,
        BaseModel,
        ConfigDict,
        Field,
        WrapSerializer,
        WrapValidator,
        field_serializer,
        field_validator,
        model_validator,
    )
    from pydantic._internal._model_construction import ModelMetaclass
else:
    _pydantic = require("pydantic", extra="pydantic", purpose="dorm.contrib.pydantic")
    VERSION = _pydantic.VERSION
    if int(VERSION.partition(".")[0]) < 2:
        raise ImportError(
            f'dorm.contrib.pydantic needs Pydantic 2, and {VERSION} is installed: pip install "djanorm[pydantic]"',
            name="pydantic",
        )
    AfterValidator = _pydantic.AfterValidator
    BaseModel = _pydantic.BaseModel
    ConfigDict = _pydantic.ConfigDict
    Field = _pydantic.Field
    WrapSerializer = _pydantic.WrapSerializer
    WrapValidator = _pydantic.WrapValidator
    field_serializer = _pydantic.field_serializer
    field_validator = _pydantic.field_validator
    model_validator = _pydantic.model_validator
    ModelMetaclass = type(BaseModel)

#: Whether a default factory may take the values validated so far (Pydantic 2.10).
FACTORIES_TAKE_VALUES = tuple(int(part) for part in VERSION.split(".")[:2]) >= (2, 10)

__all__ = [
    "FACTORIES_TAKE_VALUES",
    "AfterValidator",
    "BaseModel",
    "ConfigDict",
    "Field",
    "ModelMetaclass",
    "WrapSerializer",
    "WrapValidator",
    "field_serializer",
    "field_validator",
    "model_validator",
]
