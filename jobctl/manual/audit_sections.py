"""What the page of `audit` promises, and what it does not."""

from collections.abc import Mapping

from jobctl.manual.roff import Block, Item, Listing

CRONTAB = """
# Every hour: anchor what is new, then check the whole trail. Cron mails what is wrong.
7 * * * * jobctl --context production audit export -q >/dev/null
17 * * * * jobctl --context production audit verify --anchors -q
# Every Sunday: what is older than a year and anchored leaves Redis.
37 4 * * 0 jobctl --context production audit trim --older 52w -q >/dev/null
# Every hour: what is new, for a program that collects logs.
27 * * * * jobctl --context production audit list --checkpoint audit.at -q -o jsonl >>audit.jsonl
"""

AUDIT: Mapping[str, tuple[Block, ...]] = {
    "AUDIT PROMISE": (
        """Every change that jobctl makes has a record, written in the same atomic step: where no
        record can be written, nothing is changed. A record says who, what, which job, from which
        status to which, when by the clock of the Redis server, and why. It holds neither document
        text nor PII findings nor tokens.""",
        """A record has a number and pins the one before it: its hash is SHA-256 over the hash of
        that one and over what the record says, as JSON with sorted keys. So whoever changes a
        record has to change all behind it. `audit export` puts records out of reach of who can do
        that: into numbered segments of a bucket or a directory, each of which pins the one before
        it by the digest of its file and the version that the bucket gave it. A segment is written
        only where there is none, with a checksum that the server compares, and is locked for
        `audit_retention` (mode COMPLIANCE) where the bucket has Object Lock. What a segment holds
        is anchored.""",
    ),
    "WHAT IS FOUND": (
        """`audit verify` reads the whole trail and names the first record that is wrong, what is
        wrong with it, and what is still intact: the records before the first breach that the one
        behind them, or a segment, vouches for. What no segment holds is intact in this sense only:
        it hangs together up to the newest record, for which nobody vouches. The first 25 findings
        of each kind are shown, and all are counted. With `--anchors`, a trail without any segment
        is a finding too.""",
        Item(
            tag="Without segments",
            text="""Records that were changed, also under a hash that fits; that are missing,
            stand twice, in another order or between others; that are not in the form that jobctl
            writes; whose times run backwards; and records that were deleted at the end, as the
            stream remembers the last number that it gave, unless it was deleted as a whole and
            written anew.""",
        ),
        Item(
            tag="With `--anchors`",
            text="""Besides, for all that is anchored: a trail that was written anew with hashes
            that fit, rolled back, or wiped; records that were removed under the pretext of a trim;
            segments that are missing, changed, swapped or put in, that were overwritten or
            deleted in a bucket that keeps versions, and, with `--public-key`, that were not
            signed by that key.""",
        ),
        Item(
            tag="With `--jobs`",
            text="""Besides, jobs that were revived after jobctl had ended them, that are there
            although they were deleted, or that name another operation than their last record, or
            one without a record. The last is not looked for once the trail was trimmed. Takes some
            400 MB of memory for a million jobs.""",
        ),
    ),
    "WHAT IS NOT FOUND": (
        """Who can write to Redis as jobctl does can write records like it does, and can rewrite
        those that are newer than the last anchor: export often. Who can write to the bucket as
        well can do the same with the last segment, unless segments are signed by a key that is
        kept from both, or locked. In a directory, or a bucket without versions, the last segments
        can be removed without a trace; compare what `audit export` has printed. A record says
        what jobctl was told: it does not prove who sat at the keyboard.""",
        """An entry that somebody else writes to the stream stops every change until it is dealt
        with: that is a finding, and not to be passed over by a program. To go on, keep the stream
        under another name (`RENAME`) and the segments where they are, and begin a new trail with
        segments in another place.""",
        """Other services change jobs without a record. That a job moved on between two records is
        no finding; `status` and `audit verify --jobs` tell where one undid what was decided. The
        log lines that those services call audit are no part of this trail.""",
    ),
    "POINT-IN-TIME RECORDS": (
        """`audit record` tells what the store and the trail hold of a job at `taken_at`, by the
        clock of the Redis server. It is confirmed by a record of the action `audit-record`, which
        is written only if the job still has the status and the time of its last change that were
        read; a job that moves on meanwhile is read again. `error_present` says whether there is an
        error, and findings are counted by type: neither text is shown, and in reasons the findings
        are masked. Findings that cannot be read have no count.""",
        """Of a job that has expired or was deleted `exists` is false, and `last_record` is what
        the trail has last of it; only an id that neither of them knows exits with 4, and the
        others are shown all the same. Earlier takings of such records and refused attempts do not
        count as the last one while there is another. The trail is read from its end back until all
        ids are found: to the beginning for a job that jobctl has never changed. It can be taken
        while the approval service holds the job.""",
    ),
    "CHECKPOINTS": (
        """`audit list --checkpoint` goes on behind the record that FILE names, oldest first and
        without a limit. FILE is replaced in one step, with mode 0600, once all records were
        written and standard output, if it is a file, is on the disk. A closed pipe, a full disk, a
        lost connection or a signal leaves it as it was, so that the next run repeats what was cut
        off. It names the last record that was looked at, also where filters kept nothing. A lock
        on `FILE.lock` keeps a second run out, with 11.""",
        """Where the record that FILE names is another one now, or is gone though older ones are
        there or none is left, the trail was rolled back or rewritten: the run is refused with 10.
        Where it was trimmed away, the run goes on from the oldest that is kept, and says on
        standard error, also with `--quiet`, how many are missing. FILE of another namespace is
        refused with 7, and a damaged one with 13.""",
    ),
    "FOLLOWING": (
        """`audit tail --follow` waits in the server for what is appended. A connection that is lost
        is said once and tried again for 60 seconds; it goes on where it was. It ends with 10 where
        the last record that it has seen is not there any more without having been trimmed: after
        that, new records would bear numbers that it has passed. On a terminal times are exact, and
        the widths of columns stay those of the first page. With `-o json` a signal ends the
        document, which is whole then.""",
    ),
    "SEGMENTS": (
        """`audit/<namespace>/00000001.jsonl.gz` and so on: a header, the records with the fields
        of the stream, and a seal with the digest of all lines before it and the signature of that,
        if a key was given. `zcat` and `jq` read them. Keys are Ed25519 in PEM files without a
        password, as `openssl genpkey -algorithm ed25519` makes them; signatures need
        `jobctl[sign]`.""",
        """Exporting needs `s3:ListBucketVersions`, `s3:GetObject`, `s3:GetObjectVersion`,
        `s3:PutObject` and, for locks, `s3:GetBucketObjectLockConfiguration` and
        `s3:PutObjectRetention`; it never deletes. Verifying needs the first three.""",
        """A trim verifies the trail and all segments first, then writes a record that says up to
        where and under which hash, then removes. Segments are never removed by jobctl.""",
    ),
    "SCHEDULING": (Listing(text=CRONTAB),),
}
