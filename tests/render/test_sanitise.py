import sys
import unicodedata

import pytest

from jobctl.render.sanitise import clean
from tests.render.hostile import HOSTILE, random_texts, unsafe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ~ text", "plain ~ text"),
        ("", ""),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("\x00\x07\x7f", r"\x00\x07\x7f"),
        ("a\tb\nc\rd", r"a\tb\nc\rd"),
        ("a\u202eb", r"a\u202eb"),
        ("\u061c\u200e\u2066", r"\u061c\u200e\u2066"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\U000e0041", r"\U000e0041"),
        ("\udc80\udcff", r"\x80\xff"),
        ("\ud800\udc7f\udfff", r"\ud800\udc7f\udfff"),
        ("adm\u200din\u200c", r"adm\u200din\u200c"),
        ("é\u200d\u200dé\u200d", r"é\u200d\u200dé\u200d"),
        ("\u200dé\u200cé\u200c", "\\u200dé\u200cé\u200c"),
        (r"C:\temp", r"C:\temp"),
    ],
)
def test_clean_shows_what_would_act(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize("name", ["wide", "emoji", "persian", "combining", "markup", "long"])
def test_clean_keeps_ordinary_text(name: str) -> None:
    assert clean(HOSTILE[name]) == HOSTILE[name]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_clean_text_is_safe_encodable_and_stable(text: str) -> None:
    shown = clean(text)
    assert unsafe(shown) == []
    shown.encode("utf-8")
    assert clean(shown) == shown


def test_clean_random_texts() -> None:
    for text in random_texts(3_000, seed=1):
        shown = clean(text)
        assert unsafe(shown) == []
        assert clean(shown) == shown
        assert len(shown.splitlines()) <= 1


def test_every_control_and_format_character_is_shown_but_the_visible_ones() -> None:
    passed = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and clean(f"é{character}é")[1:-1] == character
    }
    # Format characters with a glyph of their own (Arabic number signs and the like).
    visible = {"ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN"}
    names = {unicodedata.name(character) for character in passed - {"\u200c", "\u200d"}}
    assert {name.split()[0] for name in names} <= visible
