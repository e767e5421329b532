"""Neither findings nor tokens reach a segment, or what any command says about the trail."""

import gzip
from typing import Any

import pytest

from tests.cli.decisions import CHANGES, assert_no_canary, request_approval
from tests.cli.world import World, as_json, findings

NAME = "Xanthippe Quandt-CANARY"
TOKEN = "tok3n-CANARY-Zq9xk2Lw7vB1-Zq9xk2Lw7vB1-Zq9x"  # of the 43 characters that tokens have
REASON = f"it shows {NAME.upper()}, and {TOKEN} opens it"
LOUD = ("--debug", "--verbose")
FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
COMMANDS = (
    ["list", "--all"],
    ["show", "1"],
    ["tail"],
    ["summary"],
    ["verify", "--anchors", "--jobs"],
    ["trim", "--older", "1d", "--dry-run"],
)
MALFORMED = as_json({"text": NAME})


@pytest.mark.parametrize("stored", [findings(NAME), MALFORMED])
def test_no_segment_and_no_command_about_the_trail_tells_what_was_found(
    world: World, stored: Any
) -> None:
    folder = world.directory / "segments"
    world.more["JOBCTL_AUDIT_BUCKET"] = str(folder)
    fields: dict[str, Any] = {
        "pii_findings": stored,
        "document_name": f"Letter of {NAME}",
        "original_filename": f"{NAME}.pdf",
        "error": f"cannot parse {NAME}",
        "error_message": f"bad line {NAME}",
    }
    job_id = request_approval(world, status=CHANGES["deny"][0], token=TOKEN, **fields)
    world.run(*LOUD, "approve", job_id, "--no-verify", "--reason", REASON)
    world.run(*LOUD, "deny", job_id, "--reason", REASON)  # is refused
    odd = world.seed(f"{NAME} {TOKEN}")
    world.run(*LOUD, "cancel", odd, "--reason", "it has no status at all")
    shown = [world.run(*LOUD, "audit", "export", "-o", "json")]
    for output in FORMATS:
        shown += [world.run(*LOUD, "audit", *command, "-o", output) for command in COMMANDS]
    shown += [
        world.run(*LOUD, "audit", "record", job_id, "--reason", REASON, "--dry-run", "-o", output)
        for output in FORMATS
    ]
    assert world.audit
    segments = [gzip.decompress(file.read_bytes()).decode() for file in folder.rglob("*.gz")]
    assert segments
    assert_no_canary(*(one.everything for one in shown), *segments, *map(as_json, world.audit))
