"""Which objects belong to a job, and to no other.

A job owns exactly these. `temp/<id>` is never used as a raw prefix: `temp/<id>-other.pdf`
belongs to another job.
"""

from dataclasses import dataclass

from jobctl.domain.identifiers import is_uuid

# Ids that would make a job's own folder everybody's.
_FOLDERS = frozenset({"temp", "debug", "results"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedFamily:
    """Objects that can be listed by *prefix*. `whole`: everything below it is the job's.

    Otherwise only what ends in `suffix` in the same folder; "" is the prefix alone, None stands
    for any one extension.
    """

    prefix: str
    whole: bool = True
    suffix: str | None = None

    def owns(self, key: str, *, s3_key: str | None) -> bool:
        if not key.startswith(self.prefix):
            return False
        rest = key[len(self.prefix) :]
        if self.whole:
            return bool(rest)
        if "/" in rest:
            return False
        if self.suffix is not None:
            return rest.endswith(self.suffix) if self.suffix else not rest
        # `temp/a.b.pdf` is job a.b's, not job a's, unless job a's record names it.
        return bool(rest) and ("." not in rest or key == s3_key)


def document_families(job_id: str) -> tuple[OwnedFamily, ...]:
    """What a job owns in the documents bucket."""
    families = [
        OwnedFamily(prefix=f"temp/{job_id}.", whole=False),
        OwnedFamily(prefix=f"temp/{job_id}/"),
        OwnedFamily(prefix=f"debug/{job_id}/"),
    ]
    if job_id not in _FOLDERS:
        families.append(OwnedFamily(prefix=f"{job_id}/pages/"))
    return tuple(families)


def is_own_document(job_id: str, key: str) -> bool:
    """Whether *key*, which the job's record names, is one of the job's own."""
    return any(family.owns(key, s3_key=key) for family in document_families(job_id))


def result_families(job_id: str) -> tuple[OwnedFamily, ...]:
    """What a job owns in the results bucket, the older layouts included.

    `<id>-….md` counts for UUIDs only: for other ids it may be another job's `<id>.md`.
    """
    families = [
        OwnedFamily(prefix=f"results/{job_id}/"),
        OwnedFamily(prefix=f"{job_id}.md", whole=False, suffix=""),
    ]
    if job_id not in _FOLDERS:
        families.append(OwnedFamily(prefix=f"{job_id}/"))
    if is_uuid(job_id):
        families.append(OwnedFamily(prefix=f"{job_id}-", whole=False, suffix=".md"))
    return tuple(families)


def shown_key(key: str, owner: str) -> str:
    """*key* up to its owner's id, or to its first folder: behind it may stand a name."""
    before, found, rest = key.partition(owner)
    if not found:
        folder, slash, _ = key.partition("/")
        return f"{folder}/…" if slash else "…"
    return f"{before}{owner}{rest if rest.startswith('.') else rest[:1] + '…'}"


def document_key(job_id: str, filename: str | None) -> str:
    """Where an upload goes: `temp/<id>.<ext>`, the extension from *filename* if it has one."""
    _, dot, extension = (filename or "").rpartition(".")
    longest = 10
    usable = dot and extension.isascii() and extension.isalnum() and len(extension) <= longest
    return f"temp/{job_id}.{extension.lower() if usable else 'bin'}"


def document_owners(key: str) -> tuple[str, ...]:
    """The ids of all jobs that could own *key* in the documents bucket, the likeliest first."""
    first, _, rest = key.partition("/")
    second, slash, beyond = rest.partition("/")
    if first in ("temp", "debug") and slash:
        return (second,) if second and beyond else ()
    if first == "temp":
        return _stems(second)
    return (first,) if first and second == "pages" and beyond else ()


def result_owners(key: str) -> tuple[str, ...]:
    """As document_owners, in the results bucket."""
    first, slash, rest = key.partition("/")
    if first == "results":
        second, _, beyond = rest.partition("/")
        return (second,) if second and beyond else ()
    if slash:
        return (first,) if first and rest else ()
    stem = key.removesuffix(".md")
    uuid = stem[:_UUID_LENGTH]
    return tuple(dict.fromkeys((stem, uuid))) if stem != key and stem else ()


_UUID_LENGTH = 36


def _stems(name: str) -> tuple[str, ...]:
    """`a.b` and `a` for `a.b.pdf`: what may stand before an extension."""
    stems = []
    while "." in name:
        name = name.rpartition(".")[0]
        if name:
            stems.append(name)
    return tuple(stems)
