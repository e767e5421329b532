"""Every key of the data contract, and whether a namespace fits into one cluster slot."""

from binascii import crc_hqx

import pytest

from jobctl.storage.keys import Keys
from tests.storage.redis_under_test import approval_token, stream_token


def test_the_default_keys_are_those_of_the_foreign_services() -> None:
    keys = Keys()
    assert keys.job("j") == "eq-pdf:job:j"
    assert keys.index == "eq-pdf:jobs-by-updated"
    assert keys.deadlines == "eq-pdf:timeouts:approval"
    assert keys.token(approval_token("t")) == "eq-pdf:approval-token:t"
    assert keys.token(stream_token("t")) == "eq-pdf:stream-token:t"
    assert keys.approval_lock("j") == "eq-pdf:approval-lock:j"
    assert keys.processing_queue == "eq-pdf:queue:processing"
    assert keys.approval_queue == "eq-pdf:queue:approval"
    assert keys.audit == "eq-pdf:audit"
    assert keys.probe.startswith("eq-pdf:jobctl:")


def every_key(keys: Keys) -> list[str]:
    return [
        keys.job("job-1"),
        keys.index,
        keys.deadlines,
        keys.token(approval_token("t")),
        keys.token(stream_token("t")),
        keys.approval_lock("job-1"),
        keys.processing_queue,
        keys.approval_queue,
        keys.audit,
        keys.probe,
        keys.refusals,
        keys.refusals_left_out,
    ]


def test_every_key_begins_with_the_namespace_and_no_two_are_alike() -> None:
    keys = every_key(Keys("other"))
    assert all(key.startswith("other:") for key in keys)
    assert len(set(keys)) == len(keys)


def test_the_index_can_be_named_on_its_own() -> None:
    keys = Keys("ns", "their-index")
    assert keys.index == "their-index"
    assert keys.deadlines == "ns:timeouts:approval"


def test_an_id_that_holds_the_key_prefix_stays_whole() -> None:
    keys = Keys()
    assert keys.job("eq-pdf:job:x").removeprefix(keys.job_prefix) == "eq-pdf:job:x"


def slot(key: str) -> int:
    """As the cluster specification says."""
    begin = key.find("{")
    end = key.find("}", begin + 1)
    tag = key[begin + 1 : end] if begin >= 0 and end > begin + 1 else key
    return crc_hqx(tag.encode(), 0) % 16384


@pytest.mark.parametrize(
    ("namespace", "index"),
    [
        ("eq-pdf", None),
        ("{eq-pdf}", None),
        ("a{b}c", None),
        ("{}", None),
        ("{}{a}", None),
        ("}{a}", None),
        ("{a", None),
        ("a}", None),
        ("{{a}", None),
        ("{eq-pdf}", "eq-pdf:jobs-by-updated"),
        ("{eq-pdf}", "{eq-pdf}:another"),
    ],
)
def test_a_namespace_fits_into_one_slot_exactly_when_all_its_keys_do(
    namespace: str, index: str | None
) -> None:
    keys = Keys(namespace, index)
    slots = {slot(key) for key in every_key(keys)} | {slot(keys.job(f"j{n}")) for n in range(9)}
    assert keys.share_a_slot == (len(slots) == 1)
