"""At a keyboard: the question before many jobs are changed, and the token that nobody sees."""

import re
import subprocess
import termios

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    CHANGES,
    WHY,
    Keyboard,
    arguments_of,
    at_keyboard,
    job_for,
    request_approval,
    statuses,
    token_of,
)
from tests.cli.expect import only_refused, unchanged
from tests.cli.world import World, new_id

CTRL_C, CTRL_D = "\x03", "\x04"
QUESTION = "[y/N] "
PROMPT = "Token: "

each_verb = pytest.mark.parametrize("verb", CHANGES)


@pytest.mark.parametrize(
    ("verb", "answer"),
    [*((verb, "y") for verb in CHANGES), ("cancel", "Y"), ("cancel", " YES ")],
)
def test_yes_goes_on(verb: str, answer: str, world: World) -> None:
    ids = [job_for(verb, world) for _ in range(3)]
    with at_keyboard(*arguments_of(verb), "--since", "1d", env=world.env) as keyboard:
        keyboard.expect(QUESTION)
        assert f"{verb.capitalize()} 3 jobs? [y/N]" in keyboard.shown
        assert all(job_id in keyboard.shown for job_id in ids)
        keyboard.type(f"{answer}\n")
        assert keyboard.end() == 0
    assert statuses(world, *ids) == [CHANGES[verb][1]] * 3


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        *((verb, "n\n") for verb in CHANGES),
        *(("cancel", answer) for answer in ("\n", "yess\n", "j\n", CTRL_D)),
    ],
)
def test_anything_else_changes_nothing(verb: str, answer: str, world: World) -> None:
    for _ in range(2):
        job_for(verb, world)
    with (
        unchanged(world),
        at_keyboard(*arguments_of(verb), "--since", "1d", env=world.env) as keyboard,
    ):
        keyboard.expect(QUESTION)
        keyboard.type(answer)
        assert keyboard.end() == ExitCode.REFUSED
        assert keyboard.screen[-1] == "jobctl: declined; nothing was changed"


@pytest.mark.parametrize("output", ["table", "json"])
def test_ctrl_c_at_the_question_changes_nothing(output: str, world: World) -> None:
    world.seed()
    with (
        unchanged(world),
        at_keyboard("cancel", "--since", "1d", "-o", output, env=world.env) as keyboard,
    ):
        keyboard.expect(QUESTION)
        keyboard.type(CTRL_C)
        assert keyboard.end() == ExitCode.INTERRUPTED
        assert "Traceback" not in keyboard.shown


def test_the_sample_is_ten_jobs_and_how_many_more(world: World) -> None:
    ids = {world.seed(document_name=f"\x1b]0;owned\x07{number}") for number in range(12)}
    with at_keyboard("--color", "never", "cancel", "--since", "1d", env=world.env) as keyboard:
        keyboard.expect(QUESTION)
        assert sum(job_id in keyboard.shown for job_id in ids) == 10
        assert "… and 2 more" in keyboard.shown
        assert "Cancel 12 jobs?" in keyboard.shown
        assert "\x1b" not in keyboard.shown
        keyboard.type("n\n")
        keyboard.end()


def test_one_job_that_a_filter_chose_is_asked_about_too(world: World) -> None:
    world.seed()
    with at_keyboard("cancel", "--since", "1d", env=world.env) as keyboard:
        keyboard.expect("Cancel 1 job? [y/N]")
        keyboard.type("n\n")
        assert keyboard.end() == ExitCode.REFUSED


def test_the_question_is_asked_where_only_the_output_goes_elsewhere(world: World) -> None:
    job_id = world.seed()
    command = ["cancel", "--since", "1d", "-o", "json"]
    with at_keyboard(*command, env=world.env, stdout=subprocess.PIPE) as keyboard:
        keyboard.expect(QUESTION)
        keyboard.type("y\n")
        assert keyboard.end() == 0
        assert keyboard.process.stdout is not None
        assert job_id.encode() in keyboard.process.stdout.read()


def test_what_is_named_or_agreed_to_beforehand_is_not_asked_about(world: World) -> None:
    for chosen in (
        [world.seed(), world.seed()],
        ["--since", "1d", "--yes"],
        ["--since", "1d", "--dry-run"],
        ["--type", "nothing"],
    ):
        world.seed()
        with at_keyboard("cancel", *chosen, env=world.env) as keyboard:
            assert keyboard.end() == 0
            assert QUESTION not in keyboard.shown


def test_a_job_that_changes_while_somebody_thinks_is_judged_anew(world: World) -> None:
    first, second = request_approval(world), request_approval(world)
    command = ["approve", *WHY, "--no-verify", "--since", "1d"]
    with at_keyboard(*command, env=world.env) as keyboard:
        keyboard.expect(QUESTION)
        world.foreign.update_job_status(first, "denied")
        later = request_approval(world)
        keyboard.type("y\n")
        assert keyboard.end() == ExitCode.PARTIAL
        assert f"job {first} was denied" in keyboard.shown
    assert statuses(world, first, second) == ["denied", "processing_queued"]
    assert statuses(world, later) == ["awaiting_approval"]


def test_ids_are_typed_as_well_as_piped_in(world: World) -> None:
    job_id, other = world.seed(), world.seed()
    with at_keyboard("cancel", "-", env=world.env) as keyboard:
        keyboard.type(f"{job_id}\n{CTRL_D}")
        assert keyboard.end() == 0
    assert statuses(world, job_id, other) == ["cancelled", "queued"]


def _echoes(keyboard: Keyboard) -> bool:
    flags: int = termios.tcgetattr(keyboard.terminal)[3]
    return bool(flags & termios.ECHO)


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_token_is_asked_for_where_no_job_is_named_and_nobody_sees_it(
    verb: str, world: World
) -> None:
    job_id, other = request_approval(world), request_approval(world)
    token = token_of(world, job_id)
    with at_keyboard(*arguments_of(verb), env=world.env) as keyboard:
        keyboard.expect(PROMPT)
        keyboard.type(f"{token}\n")
        assert keyboard.end() == 0
        assert _echoes(keyboard)
        assert token not in keyboard.shown
        assert job_id in keyboard.shown
    assert statuses(world, job_id, other) == [CHANGES[verb][1], "awaiting_approval"]


@pytest.mark.parametrize("verb", ["verify", "revoke", "consume"])
def test_the_commands_of_token_ask_for_it_as_well(verb: str, world: World) -> None:
    job_id = request_approval(world)
    stream = world.run("token", "issue", job_id, "--kind", "stream").stdout.strip()
    token = stream if verb == "consume" else token_of(world, job_id)
    with at_keyboard("token", verb, env=world.env) as keyboard:
        keyboard.expect(PROMPT)
        assert not _echoes(keyboard)
        keyboard.type(f"{token}\n")
        assert keyboard.end() == 0
        assert token not in keyboard.shown
        assert job_id in keyboard.shown


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("\n", ExitCode.USAGE),
        (CTRL_D, ExitCode.USAGE),
        ("two words\n", ExitCode.USAGE),
        ("wr0ng-token\n", ExitCode.NOT_FOUND),
        (CTRL_C, ExitCode.INTERRUPTED),
    ],
)
def test_what_is_no_token_is_not_repeated(typed: str, code: ExitCode, world: World) -> None:
    request_approval(world)
    refused = ["approve"] if code is ExitCode.NOT_FOUND else []
    with (
        only_refused(world, *refused),
        at_keyboard(*arguments_of("approve"), env=world.env) as keyboard,
    ):
        keyboard.expect(PROMPT)
        keyboard.type(typed)
        assert keyboard.end() == code
        assert _echoes(keyboard)
        assert "words" not in keyboard.shown
        assert "wr0ng" not in keyboard.shown


def test_a_reason_is_asked_for_before_the_token(world: World) -> None:
    with at_keyboard("approve", env=world.env) as keyboard:
        assert keyboard.end() == ExitCode.USAGE
        assert PROMPT not in keyboard.shown
        assert "reason" in keyboard.shown


def test_cancel_and_retry_ask_for_no_token(world: World) -> None:
    for verb in ("cancel", "retry"):
        with at_keyboard(verb, env=world.env) as keyboard:
            assert keyboard.end() == ExitCode.USAGE
            assert PROMPT not in keyboard.shown


@each_verb
def test_the_line_that_says_how_far_it_is_leaves_nothing_behind(verb: str, world: World) -> None:
    ids = [job_for(verb, world) for _ in range(120)]
    command = ["--color", "never", *arguments_of(verb), *ids, new_id()]
    with at_keyboard(*command, env=world.env) as keyboard:
        assert keyboard.end() == ExitCode.PARTIAL
    assert "0 of 121 jobs" in keyboard.shown
    header, *rows = keyboard.screen
    assert header.split()[:2] == ["ID", "ACTION"]
    assert [row.split()[0] for row in rows if row.split()[0] in ids] == ids
    assert not any(re.search(r"\d of 121 jobs", row) for row in keyboard.screen)
    assert set(statuses(world, *ids)) == {CHANGES[verb][1]}


def test_the_line_goes_with_an_error_too(world: World) -> None:
    ids = [new_id() for _ in range(60)]
    nowhere = world.env | {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
    with at_keyboard("cancel", *ids, env=nowhere) as keyboard:
        assert keyboard.end() == ExitCode.UNAVAILABLE
    assert "0 of 60 jobs" in keyboard.shown
    assert keyboard.screen[0].startswith("jobctl: cannot connect")


def test_the_line_is_drawn_for_people_and_many_jobs_alone(world: World) -> None:
    few, many = [world.seed() for _ in range(50)], [world.seed() for _ in range(60)]
    for arguments in (few, [*many, "-q"]):
        with at_keyboard("cancel", *arguments, env=world.env) as keyboard:
            assert keyboard.end() == 0
            assert "0 jobs" not in keyboard.shown
    assert "0 jobs" not in world.run("cancel", *many).everything
