"""Stored text made safe to print: nothing in it moves the cursor, reorders or hides text."""

import re

# Beyond ASCII: C1 controls, bidi controls, separators that break a line, and characters that
# take no space and so hide what they carry. Not here are the variation selectors (emoji,
# Japanese names) and the joiners U+200C and U+200D, which ordinary text needs.
HIDDEN = (
    r"\x80-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
SURROGATES = r"\ud800-\udfff"

# A joiner belongs after a letter or an emoji of a script that joins. Elsewhere it makes `admin`
# differ from `admin` unseen, and at the end of a cell it swallows a blank of the padding.
_JOINS = rf"[^\x00-\x7f{HIDDEN}{SURROGATES}\u200c\u200d]"
_STRAY_JOINER = rf"[\u200c\u200d](?<!{_JOINS}[\u200c\u200d])|\u200d(?!{_JOINS})"

_UNSAFE = re.compile(f"[\\x00-\\x1f\\x7f{HIDDEN}{SURROGATES}]|{_STRAY_JOINER}")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def clean(text: str) -> str:
    r"""*text* with each unsafe character as a visible escape: `\t`, `\x1b`, `\u202e`.

    A byte that was not UTF-8 (a surrogate from surrogateescape) shows as that byte, `\x80`.
    The result is always encodable. A backslash stays as it is, so this is not reversible.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - the range that surrogateescape uses
        code -= 0xDC00
    if code > 0xFFFF:  # noqa: PLR2004 - the last code of four digits
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"  # noqa: PLR2004 - one byte
