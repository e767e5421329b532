"""Texts become roff that shows exactly them."""

import subprocess

import pytest

from jobctl.manual.roff import Item, Listing, Page, filled, literal, prose
from tests.manual.shells import needs


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        ("a compare-and-set step", "a compare-and-set step"),
        ("the job's id", "the job's id"),
        ("both jobs' ids", "both jobs' ids"),
        ("- reads", "\\%\\- reads"),
        ("with --skip-pii", "with \\%\\-\\-skip\\-pii"),
        ("use `a-b`", "use \\%\\fBa\\-b\\fR"),
        ("(`a_b`),", "\\%(\\fBa_b\\fR),"),
        ("C:\\temp", "\\%C:\\etemp"),
        ("'*.pdf'", "\\%\\(aq*.pdf\\(aq"),
        ("STATUS,…", "STATUS,..."),
    ],
)
def test_prose_keeps_what_is_typed(text: str, roff: str) -> None:
    assert prose(text) == roff


def test_a_line_never_begins_with_a_request() -> None:
    lines = filled(literal("One. .So it'd be 'a request") + " x" * 200)
    assert not [line for line in lines if line.startswith((".", "'"))]


def test_a_character_that_roff_may_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no roff for a character of 'naïve'"):
        literal("naïve")


@needs("groff")
def test_hostile_texts_are_shown_as_they_are() -> None:
    page = Page("hostile", version="1")
    page.section("NAME", Listing(text=".SH fake\n'br\n\\fBbold\\fR \\n(.x ^~`-'\"\n\n.\n"))
    page.add(Item(tag="`.TP`", text="`'quoted' \\\\ -x`"))
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbu", "-ww"],
        input=str(page),
        capture_output=True,
        text=True,
        check=True,
    )
    shown = [line.strip() for line in done.stdout.splitlines()]
    assert done.stderr == ""
    for line in (".SH fake", "'br", "\\fBbold\\fR \\n(.x ^~`-'\"", ".TP    'quoted' \\\\ -x"):
        assert line in shown


@needs("groff")
@pytest.mark.parametrize("width", range(40, 60))
def test_what_is_typed_is_never_divided(width: int) -> None:
    words = ["(`ttl_active`)", "--idempotency-key", "`temp/<id>/pages`,", "<namespace>:queue"]
    page = Page("narrow", version="1")
    page.section("NAME", " ".join(words * 10))
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbu", f"-rLL={width}n", "-ww"],
        input=str(page),
        capture_output=True,
        text=True,
        check=True,
    )
    plain = {word.replace("`", "") for word in words}
    body = done.stdout.partition("NAME")[2].rpartition("jobctl 1")[0]
    assert set(body.split()) == plain
