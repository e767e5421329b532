"""What the segments of an audit trail are called: `<namespace>/00000001.jsonl.gz`."""

import re
from urllib.parse import quote

_NUMBER = re.compile(r"([0-9]{8}|[1-9][0-9]{8,11})\.jsonl\.gz", re.ASCII)


def segment_folder(namespace: str) -> str:
    return f"{quote(namespace, safe='')}/"


def segment_name(folder: str, number: int) -> str:
    return f"{folder}{number:08}.jsonl.gz"


def number_of(name: str, folder: str) -> int | None:
    """None for a file that is no segment."""
    found = _NUMBER.fullmatch(name.removeprefix(folder)) if name.startswith(folder) else None
    return int(found[1]) or None if found else None
