"""The token that `token issue` made: the one place where a token is printed."""

from jobctl.render.output import Streams, Style, envelope, note, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.render.times import absolute
from jobctl.services.tokens import IssuedToken


def write(result: IssuedToken, style: Style, streams: Streams) -> None:
    token = result.token.reveal()
    if style.for_machines:
        document = {
            "id": result.job_id,
            "token_kind": result.kind.value,
            "token": token,
            "expires_at": result.expires_at,
            "op_id": result.op_id,
        }
        write_document(envelope("Token", document), style, streams)
    elif style.format in ("id", "table", "wide"):
        streams.out.write(f"{token}\n")
        note(
            f"{result.kind} token of job {result.job_id}, good until {absolute(result.expires_at)}",
            style,
            streams,
        )
    else:
        columns = [Column(name="token", exact=True)]
        columns += [Column(name=name) for name in ("id", "kind", "expires")]
        row = (token, result.job_id, result.kind.value, absolute(result.expires_at))
        write_grid(columns, [row], style, streams)
