"""What a story, a model or a premise says, as a terminal may show it: control characters are seen, never obeyed.

Invariant: what comes out holds no C0 or C1 control but the line end, no override of the writing direction and no half of a
surrogate pair; everything else passes unchanged. In JSON they are escaped instead, so that nothing of it is lost.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar

from pydantic import BaseModel

from prompts.safe import CONTROL, pictured

T = TypeVar("T")


def harmless(value: T) -> T:
    """``value`` with every string in it pictured: models, dataclasses, dicts, lists and tuples are copied, not validated."""
    return _harmless(value)  # type: ignore[no-any-return]


def _harmless(value: Any) -> Any:
    if type(value) is str:  # an enum's value is ours
        return pictured(value)
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: _harmless(getattr(value, name)) for name in type(value).model_fields})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(value, **{name: _harmless(getattr(value, name)) for name in names})
    if isinstance(value, dict):
        return {_harmless(key): _harmless(inner) for key, inner in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(_harmless(inner) for inner in value)
    return value


def as_json(value: Any) -> str:
    """``value`` as indented JSON that a terminal may show. What it holds is what ``value`` holds."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
