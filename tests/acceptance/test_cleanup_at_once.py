"""Of cleanups that cron starts at the same moment one works, and the others say who it is."""

import json
import time

from tests.acceptance.warm import run_at_once
from tests.cli.world import World, new_id
from tests.storage.redis_under_test import assert_sound_chain

JOBS = 1_000
SIX_WEEKS = 42 * 86_400


def test_one_of_four_cleanups_works_and_the_others_leave_it_alone(world: World) -> None:
    ids = {new_id() for _ in range(JOBS)}
    at = time.time() - SIX_WEEKS
    for job_id in ids:
        world.foreign.create_job(job_id, f"temp/{job_id}.pdf", "failed", at=at)
    command = ("cleanup", "--yes", "--max-delete", "100%", "-o", "json")
    endings = run_at_once([command] * 4, env=world.env)
    (winner,) = [one for one in endings if one.exit_code == 0]
    losers = [one for one in endings if one is not winner]
    assert [one.exit_code for one in losers] == [11, 11, 11]
    assert json.loads(winner.stdout)["summary"]["done"] == {"delete": JOBS}
    for one in losers:
        assert one.stdout == ""
        assert "another cleanup is at work" in one.stderr
    chain = world.redis.xrange(world.key("audit"))
    assert_sound_chain(chain)
    done = [entry["job_id"] for _, entry in chain if entry["action"] == "delete"]
    assert sorted(done) == sorted(ids)
    assert not world.redis.keys(world.key("job", "*"))
