"""What may stand in a `dashboard.toml`, and what is said of the rest."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from notifyd.model.parameters import LONGEST

LONGEST_LIFE = 86_400.0
"""Seconds; an answer that is older than a day is no news."""


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


_Files = Annotated[list[str], BeforeValidator(_several), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class WrittenParameter(_Strict):
    """`[parameters.NAME]`."""

    kind: Literal["id", "text", "integer", "day"]
    required: bool = False
    default: str | None = None
    longest: Annotated[int, Field(ge=1, le=10_000)] = LONGEST


class WrittenPart(_Strict):
    """`[data.KEY]`."""

    sql: _Files
    shape: Literal["value", "row", "rows", "comparison"]
    decimals: Annotated[int, Field(ge=0, le=6)] = 0


class Written(_Strict):
    """The whole file."""

    title: Annotated[str, Field(min_length=1)]
    ttl: Annotated[float, Field(gt=0, le=LONGEST_LIFE)]
    stale: Annotated[float, Field(ge=0, le=LONGEST_LIFE)] = 0.0
    roles: list[str] = []
    zone: _Files | None = None
    parameters: dict[str, WrittenParameter] = {}
    data: Annotated[dict[str, WrittenPart], Field(min_length=1)]


def told(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield each mistake: the key as it stands in the file, and what is wrong with the cure."""
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"])
        context = detail.get("ctx", {})
        match detail["type"]:
            case "extra_forbidden":
                yield key, "is no key of a dashboard; remove or correct it"
            case "missing":
                yield key, "is missing; add it"
            case "literal_error":
                yield key, f"must be one of {context['expected']}"
            case _:
                yield key, f"{detail['msg'].removeprefix('Input ')}".replace("should be", "must be")
