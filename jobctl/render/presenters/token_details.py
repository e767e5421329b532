"""Whose a token is; the token itself is not repeated."""

from jobctl.domain.moments import format_duration
from jobctl.render.output import Streams, Style, envelope, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.tokens import TokenDetails


def write(result: TokenDetails, style: Style, streams: Streams) -> None:
    if style.for_machines:
        document = {
            "id": result.job_id,
            "token_kind": result.kind.value,
            "status": result.status,
            "ttl_seconds": result.ttl,
        }
        write_document(envelope("TokenDetails", document), style, streams)
        return
    names = ("id", "kind", "status", "good for")
    good_for = format_duration(result.ttl) if result.ttl else ""
    row = (result.job_id, result.kind.value, result.status, good_for)
    write_grid([Column(name=name, keep=True) for name in names], [row], style, streams)
