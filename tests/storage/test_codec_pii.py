"""The text of a finding, or a token, is in no field of a job and in no representation of it."""

import json
from typing import Any

import pytest

from jobctl.domain.job import Job
from jobctl.domain.redaction import WITHHELD
from jobctl.storage.codec import decode

ISO = "2026-01-31T12:00:00+00:00"
CANARY = "Ada Lovelace"
TOKEN = "qmO3-this-is-the-token-9f"
FINDINGS: list[dict[str, Any]] = [
    {"entity_type": "PERSON", "start": 3, "end": 15, "score": 0.9, "text": CANARY},
    {"entity_type": "EMAIL", "text": "ada@example.org"},
    {"entity_type": "SSN", "text": "078-05-1120"},
]
SOUND = {"job_id": "j", "status": "failed", "created_at": ISO, "updated_at": ISO}
FREE_FIELDS = (
    "error",
    "error_message",
    "original_filename",
    "document_name",
    "summary",
    "pii_skip_reason",
    "cancel_reason",
    "notes_of_a_foreign_service",
)
JSON_FIELDS = (
    "metadata",
    "error_details",
    "correction_results",
    "page_image_keys",
    "verification_summary",
)


def everything_of(job: Job) -> str:
    """Each field on its own too: a field may be missing from repr."""
    fields = [getattr(job, name) for name in Job.__dataclass_fields__]
    return "\n".join([repr(job), str(job), *map(repr, fields), *map(str, fields)])


def job_with(**fields: Any) -> Job:
    return decode("j", SOUND | {"pii_findings": json.dumps(FINDINGS)} | fields)


@pytest.mark.parametrize("name", FREE_FIELDS)
@pytest.mark.parametrize("form", ["{}", "{}!", "x{}x", "see {} and {}"])
@pytest.mark.parametrize("text", [CANARY, CANARY.upper(), "ada@example.org", "078-05-1120"])
def test_the_text_of_a_finding_is_masked_in_free_text(name: str, form: str, text: str) -> None:
    shown = everything_of(job_with(**{name: form.format(text, text)}))
    assert text not in shown


@pytest.mark.parametrize("name", JSON_FIELDS)
@pytest.mark.parametrize(
    "value",
    [CANARY, [CANARY], {"who": CANARY}, {CANARY: 1}, [{"deep": [f"by {CANARY}."]}]],
)
def test_the_text_of_a_finding_is_masked_in_json_at_every_depth(name: str, value: Any) -> None:
    job = job_with(**{name: json.dumps(value)})
    assert CANARY not in everything_of(job)
    assert getattr(job, name) is not None


@pytest.mark.parametrize("name", ["approval_decision", "denial_decision"])
def test_the_text_of_a_finding_is_masked_in_a_justification(name: str) -> None:
    job = job_with(**{name: json.dumps({"justification": f"because of {CANARY}"})})
    assert CANARY not in everything_of(job)


def test_a_number_that_the_scan_found_is_masked_in_json() -> None:
    findings = json.dumps([{"entity_type": "SSN", "text": "178051120"}])
    job = job_with(pii_findings=findings, metadata='{"ssn": 178051120, "pages": [12]}')
    assert "178051120" not in everything_of(job)
    assert job.metadata["pages"] == [12]


@pytest.mark.parametrize("text", ["José García", 'Ada "The" Lovelace', "Ada\nLovelace"])
@pytest.mark.parametrize("name", ["error", "summary", "notes_of_a_foreign_service"])
def test_the_text_of_a_finding_is_masked_where_a_service_wrote_json_as_text(
    name: str, text: str
) -> None:
    findings = json.dumps([{"entity_type": "PERSON", "text": text}])
    written = json.dumps({"who": text})
    job = job_with(pii_findings=findings, **{name: written})
    assert json.dumps(text)[1:-1] not in str(getattr(job, name, None) or job.extra[name])


def test_the_findings_themselves_are_counts_and_nothing_else() -> None:
    job = job_with()
    assert job.pii is not None
    assert (job.pii.count, job.pii.readable) == (3, True)
    assert job.pii.entity_types == {"EMAIL": 1, "PERSON": 1, "SSN": 1}
    assert not any(str(finding["text"]) in everything_of(job) for finding in FINDINGS)


MALFORMED = [
    f"{CANARY} was here",
    json.dumps({"text": CANARY}),
    json.dumps([CANARY]),
    json.dumps([[CANARY]]),
    json.dumps([{"text": CANARY}, CANARY]),
    json.dumps(CANARY),
    json.dumps(FINDINGS)[:-1],
    f"['{CANARY}']",
    "1",
    "null",
    "\udcff",
    "[" * 100_000,
]


@pytest.mark.parametrize("findings", MALFORMED)
def test_with_unreadable_findings_free_text_is_withheld(findings: str) -> None:
    fields = dict.fromkeys(FREE_FIELDS, f"about {CANARY}")
    jsons = {name: json.dumps({CANARY: [CANARY]}) for name in JSON_FIELDS}
    decision = json.dumps({"justification": CANARY, "decision": "denied"})
    job = job_with(pii_findings=findings, denial_decision=decision, **fields, **jsons)
    assert CANARY not in everything_of(job)
    assert job.error == WITHHELD
    assert job.summary == WITHHELD
    assert job.pii is not None
    assert not job.pii.readable
    assert "pii_findings is not a list of findings" in job.problems


@pytest.mark.parametrize("text", [[CANARY], {"value": CANARY}, [["x", CANARY]]])
def test_a_finding_whose_text_is_not_text_withholds_free_text_too(text: Any) -> None:
    findings = json.dumps([{"entity_type": "PERSON", "text": text}])
    assert CANARY not in everything_of(job_with(pii_findings=findings, error=f"about {CANARY}"))


@pytest.mark.parametrize("kind", [None, 5, ["PERSON"], {"a": 1}, ""])
def test_a_finding_of_an_odd_type_is_masked_and_counted(kind: Any) -> None:
    findings = json.dumps([{"entity_type": kind, "text": CANARY}])
    job = job_with(pii_findings=findings, error=f"about {CANARY}")
    assert CANARY not in everything_of(job)
    assert job.pii is not None
    assert job.pii.count == 1


def test_no_findings_withhold_nothing() -> None:
    assert job_with(pii_findings="[]", error="plain").error == "plain"
    assert job_with(pii_findings="", error="plain").error == "plain"


@pytest.mark.parametrize("findings", ["", "[]", json.dumps(FINDINGS), "not json"])
@pytest.mark.parametrize("name", [*FREE_FIELDS, *JSON_FIELDS])
def test_the_approval_token_is_in_no_representation(name: str, findings: str) -> None:
    written = f"link ?token={TOKEN}"
    value = json.dumps({"url": written}) if name in JSON_FIELDS else written
    job = job_with(approval_token=TOKEN, pii_findings=findings, **{name: value})
    assert TOKEN not in everything_of(job)
    assert TOKEN not in f"{job}{job.approval_token}"
    assert job.approval_token is not None
    assert job.approval_token.reveal() == TOKEN


def test_problems_never_repeat_what_could_not_be_read() -> None:
    job = job_with(metadata=CANARY, created_at=CANARY, max_rounds=CANARY, percentage=CANARY)
    assert len(job.problems) == 4
    assert CANARY not in everything_of(job)
