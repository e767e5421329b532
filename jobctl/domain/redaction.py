"""Keeps PII text and tokens out of whatever jobctl shows.

The scan's findings carry the very text that must not be repeated, so they serve as the list of
what to mask in every other field of the same job. Where the findings cannot be read, nothing is
known about what to mask and free text is withheld altogether.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

WITHHELD = "[withheld: PII findings unreadable]"
_SHORTEST_MASKED = 2
_QUOTED = re.compile(r"""[\\"']""")
_SECRET_NAME = re.compile(r"token|secret|passw|credential|api_?key|private_?key", re.IGNORECASE)


class Redactor:
    """Masks *texts* (text → label shown in its place); `withhold` replaces free text entirely."""

    __slots__ = ("_found", "_labels", "_pattern", "_withhold")

    def __init__(self, texts: Mapping[str, str], *, withhold: bool = False) -> None:
        # Longest first, so that a name inside an address does not leave the rest of it readable.
        self._found = sorted(
            (t for t in texts if len(t) >= _SHORTEST_MASKED), key=len, reverse=True
        )
        self._labels = {text.casefold(): label for text, label in texts.items()}
        self._pattern: re.Pattern[str] | None = None
        self._withhold = withhold

    def text(self, value: str) -> str:
        if self._withhold:
            return WITHHELD
        if not self._found or self._is_clean(value):
            return value
        if self._pattern is None:
            self._pattern = re.compile("|".join(map(re.escape, self._found)), re.IGNORECASE)
        return self._pattern.sub(self._label, value)

    def _is_clean(self, value: str) -> bool:
        """Whether nothing in *value* is to be masked, as far as that is told without a pattern:
        making one takes longer than all else that is done to a record."""
        lowered = value.lower()
        return value.isascii() and not any(
            not text.isascii() or text.lower() in lowered for text in self._found
        )

    def _label(self, match: re.Match[str]) -> str:
        return f"[{self._labels.get(match.group().casefold(), 'PII')}]"

    def value(self, value: Any) -> Any:
        """*value* (parsed JSON) with every string masked, keys included, and secrets hidden."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = self.text(str(value))
            return value if text == str(value) else text
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {
                self.text(key): "[redacted]" if is_secret_name(key) else self.value(item)
                for key, item in value.items()
            }
        return value


# 256 random bits as the services and jobctl write them.
_TOKEN = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII)


def without_tokens(text: str) -> str:
    """*text* with `[token]` for all that looks like one, whosever it is and used up or not."""
    return _TOKEN.sub("[token]", text)


NOTHING_TO_MASK = Redactor({})


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a credential by its looks."""
    return _SECRET_NAME.search(name) is not None


def redactor_for(findings: Iterable[Mapping[str, Any]], secrets: Iterable[str]) -> Redactor:
    """A redactor for the texts of *findings* and for *secrets* (tokens of the same job)."""
    texts: dict[str, str] = {}
    for finding in findings:
        text, label = finding.get("text"), str(finding.get("entity_type") or "PII")
        if text:
            texts |= dict.fromkeys(_spellings(str(text)), label)
    return Redactor(texts | dict.fromkeys(secrets, "token"))


def _spellings(text: str) -> set[str]:
    """*text* as it is, and as it stands in JSON or in a Python message stored as text."""
    if text.isascii() and text.isprintable() and not _QUOTED.search(text):
        return {text}
    quoted = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {text, *quoted, text.encode("unicode_escape").decode("ascii")}
