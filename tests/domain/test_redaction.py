"""Masking: what the findings name never appears, whatever its case, place or form."""

import json
from typing import Any

import pytest

from jobctl.domain.job import Secret
from jobctl.domain.redaction import WITHHELD, Redactor, is_secret_name, redactor_for


def masked(text: str, *findings: dict[str, Any], secrets: tuple[str, ...] = ()) -> str:
    return redactor_for(findings, secrets).text(text)


def test_a_finding_is_replaced_by_its_type_wherever_it_stands() -> None:
    finding = {"entity_type": "PERSON", "text": "Ada Lovelace"}
    assert masked("Ada Lovelace and ADA LOVELACE, xada lovelacex", finding) == (
        "[PERSON] and [PERSON], x[PERSON]x"
    )


def test_the_longest_finding_is_masked_first() -> None:
    short = {"entity_type": "PERSON", "text": "Ada"}
    long = {"entity_type": "EMAIL", "text": "ada@example.org"}
    assert masked("write to ada@example.org", short, long) == "write to [EMAIL]"


def test_a_finding_is_text_and_not_a_pattern() -> None:
    finding = {"entity_type": "X", "text": "a.c(*"}
    assert masked("abc( a.c(*", finding) == "abc( [X]"


def test_a_finding_without_a_type_is_masked_all_the_same() -> None:
    assert masked("Ada", {"text": "Ada"}) == "[PII]"


def test_a_finding_without_text_masks_nothing() -> None:
    assert masked("Ada", {"entity_type": "X"}, {"text": ""}, {"text": None}) == "Ada"


def test_a_token_is_masked_as_one() -> None:
    assert masked("sent tok-123 away", secrets=("tok-123",)) == "sent [token] away"


@pytest.mark.parametrize("text", ["José García", 'Ada "Countess" L', "line\nbreak", "tab\there"])
def test_a_finding_is_masked_in_its_json_form_too(text: str) -> None:
    escaped = json.dumps({"who": text})
    assert json.dumps(text)[1:-1] not in masked(escaped, {"entity_type": "PERSON", "text": text})


def test_values_are_masked_at_every_depth_keys_included() -> None:
    redactor = redactor_for([{"entity_type": "PERSON", "text": "Ada"}], [])
    value = {"Ada": ["Ada", {"deep": "by Ada"}, 1, None, True, 2.5]}
    assert redactor.value(value) == {
        "[PERSON]": ["[PERSON]", {"deep": "by [PERSON]"}, 1, None, True, 2.5]
    }


def test_a_number_that_is_a_finding_is_masked() -> None:
    redactor = redactor_for([{"entity_type": "SSN", "text": "123456789"}], [])
    assert "123456789" not in repr(redactor.value({"ssn": 123456789, "list": [123456789]}))


def test_what_is_named_like_a_secret_is_hidden() -> None:
    shown = redactor_for((), ()).value({"api_key": "k", "nested": {"Password": ["p"]}, "a": "b"})
    assert shown == {"api_key": "[redacted]", "nested": {"Password": "[redacted]"}, "a": "b"}


def test_withholding_leaves_no_text_at_all() -> None:
    redactor = Redactor({}, withhold=True)
    assert redactor.text("anything") == WITHHELD
    assert "anything" not in repr(redactor.value({"anything": ["anything", {"x": "anything"}]}))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("approval_token", True),
        ("streamToken", True),
        ("client_secret", True),
        ("passwd", True),
        ("PASSWORD", True),
        ("aws_credentials", True),
        ("apikey", True),
        ("private_key", True),
        ("team", False),
        ("key", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_a_secret_is_shown_by_nothing_but_reveal() -> None:
    secret = Secret("hunter2-hunter2")
    assert secret.reveal() == "hunter2-hunter2"
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}"]
    assert not any("hunter2" in text for text in shown)
    assert secret == Secret("hunter2-hunter2")
    assert hash(secret) == hash(Secret("hunter2-hunter2"))
    assert secret != Secret("other")
    assert secret != "hunter2-hunter2"
