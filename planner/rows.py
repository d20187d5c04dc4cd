"""What the story library hands out: frozen rows, and the one way in which a model goes into and comes out of a row.

Invariant: whatever comes out of the library was validated by its model; a row that is not valid raises ``LibraryError``
with its table and id. Nothing is ever pickled.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import PydanticSerializationError
from pydantic_core import from_json as parse_json
from pydantic_core import to_json as write_json

from planner.state import Model
from prompts.errors import LibraryError

MAX_OUTPUT_BYTES = 64 * 2**20
"""Length of the largest journalled output, unpacked: a damaged or forged row must not fill the memory."""

SECRET_NAMES = frozenset({"api_key", "apikey", "api-key", "authorization", "password", "secret", "x-api-key"})


def _storable(text: str) -> str:
    """Refuse the characters that a database cannot keep: NUL (PostgreSQL) and half surrogate pairs (both)."""
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("it holds half of a surrogate pair")
    return text


def _without_secrets(value: JsonValue) -> JsonValue:
    """Refuse a key that names a credential, however deep: the journal is copied, shown and shared."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.lower() in SECRET_NAMES:
                raise ValueError(f"a journalled request must not hold {key!r}")
            _without_secrets(inner)
    elif isinstance(value, list):
        for inner in value:
            _without_secrets(inner)
    return value


Text = Annotated[str, AfterValidator(_storable)]
Json = dict[str, JsonValue]


class Row(Model):
    """A frozen row. Infinite numbers (a log-probability of minus infinity) survive the way through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class StoryRow(Row):
    """A story as it was begun. ``created`` is UTC in ISO 8601; ``options`` are the run's settings."""

    id: str
    created: str
    logline: Text
    seed: int = Field(ge=-(2**63), lt=2**63)
    options: Json


class StoryInfo(Row):
    """A line in the list of stories; paragraphs, words and ``done`` are those of the branch ``main``.

    ``status`` says where it stands on the shelf (planner/shelf.py).
    """

    id: str
    title: str
    genre: str
    created: str
    updated: str
    paragraphs: int
    words: int
    done: bool
    status: Literal["open", "archived", "deleted"] = "open"


class ParagraphRow(Row):
    """A committed paragraph. ``index`` and ``beat`` count from 0; ``parent`` is None for the first one.

    ``meta`` says how it came about: model, engine, seed, score, attempts, and the journal keys that made it.
    """

    id: str
    story: str
    parent: str | None
    index: int = Field(ge=0)
    text: Text
    beat: int = Field(ge=0)
    meta: Json


class CallKey(Row):
    """Which call of a model: in a resumed or replayed run the same key gets the journalled output, not a new one."""

    story: str
    head: Annotated[str, Field(min_length=1)] | None
    node: Text
    attempt: int
    branch: Text = "main"
    call: int = 0


class Output(Row):
    """What a model was asked and what it answered. ``chosen`` is the index of the completion that was taken, if any."""

    role: str
    engine: str
    model: str
    prompt: str
    system: str
    seed: int
    request: Annotated[Json, AfterValidator(_without_secrets)]
    completions: list[Json]
    chosen: int | None = None


M = TypeVar("M", bound=BaseModel)


def to_json(model: BaseModel) -> str:
    """A model as the JSON text of a row. Raises ``LibraryError`` for text that is not Unicode."""
    try:
        return model.model_dump_json()
    except (PydanticSerializationError, UnicodeError) as error:
        # A Ctrl-C that comes while pydantic writes is an error of pydantic's own.
        if "KeyboardInterrupt" in str(error):
            raise KeyboardInterrupt from error
        raise LibraryError(f"A {type(model).__name__} cannot be saved, since its text is not valid Unicode.") from error


def from_json(kind: type[M], body: Any, table: str, row: object) -> M:
    """Read ``body`` of row ``row`` back as a ``kind``. Raises ``LibraryError`` naming table and id if it is not one."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _broken(table, row, error) from error


def accept(kind: type[M], **values: Any) -> M:
    """Build a row that is about to be added. Raises ``LibraryError`` saying what of it cannot be saved."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise LibraryError(f"This {kind.__name__} cannot be saved: {place}: {first['msg']}.") from error


def object_to_json(value: Mapping[str, JsonValue]) -> str:
    """A JSON object as the text of a column."""
    try:
        return write_json(value, inf_nan_mode="constants").decode()
    except (PydanticSerializationError, UnicodeError) as error:
        raise LibraryError("The options or notes of a row cannot be saved, since they are not JSON.") from error


def object_from_json(text: Any, table: str, row: object) -> Any:
    """What ``object_to_json`` wrote; that it is an object is for the row's model to check."""
    try:
        return parse_json(text)
    except (ValueError, TypeError) as error:
        message = f"Row {row} of table {table} is not valid (it is not JSON); restore it from a backup."
        raise LibraryError(message) from error


def build(kind: type[M], table: str, row: object, **values: Any) -> M:
    """Build a row's model from its columns. Raises ``LibraryError`` naming table and id if they do not fit."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise _broken(table, row, error) from error


def packed(model: BaseModel) -> bytes:
    """A model as compressed JSON. Level 1: a third of the time of the default for nearly the same size."""
    return zlib.compress(to_json(model).encode(), 1)


def unpacked(kind: type[M], body: bytes, table: str, row: object) -> M:
    """Read ``packed`` bytes back. Raises ``LibraryError`` naming table and id for damaged or endless ones."""
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(body, MAX_OUTPUT_BYTES)
    except (zlib.error, TypeError) as error:
        raise LibraryError(f"Row {row} of table {table} is damaged: it cannot be unpacked.") from error
    if not inflate.eof:
        raise LibraryError(f"Row {row} of table {table} is damaged: it has no end, or is longer than 64 MiB.")
    return from_json(kind, text, table, row)


def _broken(table: str, row: object, error: ValidationError) -> LibraryError:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "body"
    return LibraryError(f"Row {row} of table {table} is not valid ({place}: {first['msg']}); restore it from a backup.")
