"""`list`: which jobs pass, in which order, and what is said about the rest."""

import time
from datetime import UTC, datetime

import pytest

from tests.cli.world import World

NOW = 1_790_000_000.0
HOUR = 3_600.0


def _ids(world: World, *options: str) -> list[str]:
    outcome = world.run("list", "-o", "id", "-q", *options)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stdout.split()


@pytest.fixture
def library(world: World) -> World:
    """Five jobs, `a` changed last and `e` first, an hour apart, and created the other way round."""
    jobs: dict[str, dict[str, object]] = {
        "a": {"status": "Pending", "document_name": "Fall.PDF", "priority": "HIGH"},
        "b": {"status": "failed", "job_type": "syllabus", "user_id": "u1", "percentage": "40"},
        "c": {"status": "completed", "document_type": "Syllabus", "user_id": "U2"},
        "d": {"status": "hibernating", "organization_id": "o1", "original_filename": "x.docx"},
        "e": {"status": "failed", "cancelled_at": "2026-01-01T00:00:00+00:00", "colour": "green"},
    }
    now = time.time()
    for place, (name, fields) in enumerate(jobs.items()):
        status = str(fields.pop("status"))
        world.seed(status, job_id=f"{name}-job", at=now - place * HOUR, **fields)
        created = datetime.fromtimestamp(now - (9 - place) * HOUR, UTC).isoformat()
        world.foreign.put_fields(f"{name}-job", created_at=created)
    return world


FILTERS = [
    ([], "abcde"),
    (["--status", "queued"], "a"),
    (["--status", "pending"], "a"),
    (["--status", "failed"], "b"),
    (["--status", "cancelled"], "e"),
    (["--status", "failed,completed"], "bc"),
    (["--status", "failed", "--status", "completed"], "bc"),
    (["-s", " FAILED , Completed "], "bc"),
    (["--status", "hibernating"], "d"),
    (["--status", "active"], "ad"),
    (["--status", "terminal"], "bce"),
    (["--type", "syllabus"], "bc"),
    (["--priority", "high"], "a"),
    (["--priority", "HIGH,LOW"], "a"),
    (["--user", "u1,u2"], "bc"),
    (["--org", "o1"], "d"),
    (["--name", "*.pdf"], "a"),
    (["--name", "?.docx"], "d"),
    (["--name", "fall"], ""),
    (["--field", "colour=green"], "e"),
    (["--field", "colour=blue"], ""),
    (["--field", "user_id=u1"], "b"),
    (["--field", "percentage=40"], "b"),
    (["--field", "max_rounds=1"], "abcde"),
    (["--field", "job_type=syllabus"], "b"),
    (["--field", "cancelled_at=2026-01-01T00:00:00+00:00"], "e"),
    (["--field", "status=Pending"], "a"),
    (["--field", "status=queued"], "a"),
    (["--field", "original_filename=x.docx"], "d"),
    (["--since", "90m"], "ab"),
    (["--since", "now"], ""),
    (["--until", "90m"], "cde"),
    (["--older", "90m"], "cde"),
    (["--since", "210m", "--until", "90m"], "cd"),
    (["--since", "2020-01-01"], "abcde"),
    (["--until", "2020-01-01T00:00:00Z"], ""),
    (["--sort", "created", "--limit", "3"], "edc"),
    (["--sort", "created", "--limit", "2", "--status", "terminal"], "ec"),
    (["--limit", "2"], "ab"),
    (["--limit", "1", "--status", "completed"], "c"),
    (["--all"], "abcde"),
    (["--status", "terminal", "--user", "u1", "--type", "syllabus"], "b"),
]


@pytest.mark.parametrize(
    ("options", "expected"), FILTERS, ids=[" ".join(options) or "none" for options, _ in FILTERS]
)
def test_a_filter_admits_exactly_what_it_names(
    options: list[str], expected: str, library: World
) -> None:
    assert _ids(library, *options) == [f"{name}-job" for name in expected]
    if "--limit" not in options:
        counted = library.run("list", "--count", *options)
        assert counted.stdout == f"{len(expected)}\n"


def test_a_count_is_a_number_in_every_format(library: World) -> None:
    document = library.run("list", "--count", "-o", "json").json
    assert document == {"schema": "jobctl/v1", "kind": "JobCount", "count": 5}
    assert library.run("list", "--count", "-o", "csv").stdout == "5\n"
    assert library.run("list", "--count", "--limit", "2").stdout == "5\n"


def test_columns_are_those_asked_for_in_their_order(library: World) -> None:
    outcome = library.run("list", "--columns", "user,id", "--status", "failed")
    assert outcome.stdout == "user\tid\nu1\tb-job\n"
    csv = library.run("list", "--columns", "user,id", "--status", "failed", "-o", "csv")
    assert csv.stdout == "user,id\nu1,b-job\n"


def test_a_cut_list_says_how_many_there_are(library: World) -> None:
    outcome = library.run("list", "--limit", "2")
    assert "showing 2 of 5" in outcome.stderr
    assert library.run("list", "--limit", "2", "-q").stderr == ""
    assert library.run("list", "--limit", "2", "-o", "json").stderr == ""


def test_a_list_cut_in_order_of_creation_says_so_too(library: World) -> None:
    assert "showing 2 of 5" in library.run("list", "--limit", "2", "--sort", "created").stderr


def test_a_filtered_list_that_was_cut_says_that_there_is_more(library: World) -> None:
    outcome = library.run("list", "--limit", "1", "--status", "terminal")
    assert "showing 1" in outcome.stderr
    assert "--all" in outcome.stderr


@pytest.mark.parametrize("options", [["--limit", "5"], ["--limit", "3", "--status", "terminal"]])
def test_a_list_that_just_fits_says_nothing_and_has_no_cursor(
    options: list[str], library: World
) -> None:
    assert library.run("list", *options).stderr == ""
    assert library.run("list", *options, "-o", "json").json["next_cursor"] is None


def test_the_default_limit_is_fifty(world: World) -> None:
    for number in range(52):
        world.seed(job_id=f"job-{number:02}", at=NOW + number)
    outcome = world.run("list", "-o", "id")
    assert outcome.stdout.split() == [f"job-{number:02}" for number in range(51, 1, -1)]
    assert "showing 50 of 52" in outcome.stderr


def test_a_status_that_is_misspelt_is_not_silently_nothing(world: World) -> None:
    """A cron job that lists `compelted` for ever would never notice."""
    world.seed("completed")
    outcome = world.run("list", "--status", "compelted")
    assert "compelted" in outcome.stderr


def test_a_priority_that_there_is_not_is_refused(world: World) -> None:
    world.seed(priority="HIGH")
    outcome = world.run("list", "--priority", "hgih")
    assert outcome.exit_code == 2
    assert "HIGH" in outcome.stderr
