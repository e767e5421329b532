"""The options of the commands that work on segments of the audit trail."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.parsers import not_blank, whole_number
from jobctl.cli.places import key_file, segments_place
from jobctl.domain.moments import parse_duration
from jobctl.errors import BadConfigurationError
from jobctl.services.audit_anchors import Anchors
from jobctl.services.audit_segments import SegmentStore

Segments = Annotated[
    str | None,
    typer.Option(
        "--segments",
        metavar="s3://BUCKET/PREFIX|DIR",
        help="Where the segments are; as the setting audit_bucket.",
        parser=not_blank,
    ),
]
PublicKey = Annotated[
    Path | None,
    typer.Option(
        "--public-key",
        metavar="FILE",
        help="Every segment is signed by this Ed25519 key, in PEM.",
        parser=key_file,
    ),
]

Older = Annotated[
    timedelta,
    typer.Option(
        "--older", metavar="DURATION", help="Records that are younger stay.", parser=parse_duration
    ),
]
KeepLast = Annotated[
    int,
    typer.Option(
        "--keep-last",
        metavar="N",
        help="The newest N records stay, however old.",
        parser=whole_number(1, 1_000_000_000),
    ),
]


def segment_store(session: Session, text: str | None) -> SegmentStore:
    """Of the place *text*, or of the setting; beside the data of the embedded store."""
    settings = session.settings
    chosen = text or settings.audit_bucket
    if chosen is None and not session.is_local:
        raise BadConfigurationError(
            "no place for segments of the audit trail is known",
            hint="set audit_bucket, or name a place by --segments",
        )
    place = segments_place(chosen) if chosen else session.data_directory / "segments"
    if isinstance(place, Path):
        from jobctl.storage.directory_segments import DirectorySegmentStore

        return DirectorySegmentStore(place, namespace=settings.namespace)
    from jobctl.storage.s3_segments import S3SegmentStore

    return S3SegmentStore(
        bucket=place[0],
        prefix=place[1],
        namespace=settings.namespace,
        retention=settings.audit_retention,
        endpoint_url=settings.s3_endpoint_url,
        region=settings.s3_region,
        addressing_style=settings.s3_addressing_style,
    )


def anchors(session: Session, text: str | None, public_key: Path | None) -> Anchors:
    verifier = None
    if public_key is not None:
        from jobctl.storage.ed25519_keys import Ed25519Verifier

        verifier = Ed25519Verifier(public_key)
    store = segment_store(session, text)
    return Anchors(store, namespace=session.settings.namespace, verifier=verifier)
