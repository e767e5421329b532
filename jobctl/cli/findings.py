"""PII findings from a file, checked before they are stored."""

from pathlib import Path
from typing import Any

from jobctl.errors import InvalidUsageError, NotFoundError


def read_findings(path: Path) -> list[dict[str, Any]]:
    """The findings in *path*; messages name places in the file, never their contents."""
    from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

    class Finding(BaseModel):
        model_config = ConfigDict(extra="forbid")

        entity_type: str = Field(min_length=1, max_length=100)
        start: int = Field(ge=0)
        end: int = Field(ge=0)
        score: float = Field(ge=0, le=1)
        text: str

    known = Finding.model_fields
    try:
        found = TypeAdapter(list[Finding]).validate_json(path.read_bytes())
    except OSError as error:
        raise NotFoundError(
            f"cannot read {path}: {error.strerror}", hint="check the path"
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # A name that is none of ours may be anything, even a piece of the document.
        parts = [one if isinstance(one, int) or one in known else "…" for one in first["loc"]]
        where = ".".join(map(str, parts)) or "the file"
        # `from None`: the validation error quotes the findings.
        raise InvalidUsageError(
            f"{path}: {where}: {first['type'].replace('_', ' ')}",
            hint="a JSON list of {entity_type, start, end, score, text}",
        ) from None
    return [one.model_dump() for one in found]
