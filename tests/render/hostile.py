"""Texts that a stranger could have stored, and what no output may let through."""

import random
import unicodedata

HOSTILE = {
    "escape": "\x1b[31mred\x1b[0m",
    "clear screen": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "c1 csi": "\x9b31mred",
    "c1 osc": "\x9d0;owned\x9c",
    "next line": "a\x85b",
    "nul": "a\x00b",
    "delete": "a\x7fb",
    "backspace": "safe\x08\x08\x08\x08evil",
    "carriage return": "safe\revil",
    "lines": "a\nb\r\nc\td",
    "form feeds": "a\x0bb\x0cc\x1cd\x1de\x1ef",
    "right to left": "report\u202efdp.exe",
    "isolates": "a\u2066b\u2069c\u061cd\u200ee\u200ff",
    "invisible": "a\u200bb\u2060c\ufeffd\xade\u180ef",
    "blank letters": "a\u3164b\uffa0c\u115fd\u1160e",
    "separators": "a\u2028b\u2029c",
    "tags": "a\U000e0001\U000e0068\U000e0069b",
    "raw bytes": b"caf\xe9\x80".decode("utf-8", "surrogateescape"),
    "surrogate": "a\ud83db\udfffc",
    "markup": "[/x] [red]a[/red] [link=https://evil.example]b[/link] :smile: [bold",
    "quotes": "a\"b'c,d;e\\n|f",
    "wide": "漢字の報告書",
    "emoji": "👩\u200d💻 ❤\ufe0f 🇩🇪",
    "persian": "می\u200cخورم",
    "combining": "e\u0301a\u0300",
    "long": "x" * 5_000,
    "wide and long": "漢" * 3_000,
    "empty": "",
    "blank": "   ",
}

_ALPHABET = [
    *"ab=+-@,;\"'\\ [/]:",
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA1)),
    *"\u061c\u200b\u200c\u200d\u200e\u2028\u202e\u2066\ufeff\ufe0f\u3164",
    *"é漢字👩💻\u0301",
    "\ud800",
    "\udc80",
    "\udcff",
    "\udfff",
    "\U000e0041",
]


def random_texts(count: int, *, seed: int) -> list[str]:
    source = random.Random(seed)
    return ["".join(source.choices(_ALPHABET, k=source.randrange(0, 40))) for _ in range(count)]


def unsafe(text: str) -> list[str]:
    """The characters of *text* that must not reach a terminal; written apart from the code."""
    kept = "\u200c\u200d"
    blank = "\u115f\u1160\u3164\uffa0"
    return [
        character
        for character in text
        if character not in kept
        and (
            unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or character in blank
        )
    ]
