"""Where things are kept besides the jobs: a bucket or a directory."""


def s3_place(text: str) -> tuple[str, str] | None:
    """The bucket and the prefix of `s3://bucket/prefix`; None for anything else."""
    if not text.startswith("s3://"):
        return None
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.rstrip('/')}/" if prefix else ""
