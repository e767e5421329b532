"""Sections that the page of one command or group has beyond what its help says.

By its name, then by their titles. They stand behind its options, or its commands.
"""

from collections.abc import Mapping

from jobctl.manual.audit_sections import AUDIT
from jobctl.manual.roff import Block, Item, Listing

CRONTAB = """
# Every night at 03:17; cron mails the one line that is written to standard error.
17 3 * * * jobctl --context production cleanup --yes --time-budget 2h -o jsonl >/dev/null
"""
SERVICE = """
[Unit]
Description=Retention of document-processing jobs
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
User=jobctl
ExecStart=/usr/bin/env jobctl --context production cleanup --yes -o jsonl
SuccessExitStatus=11
StandardOutput=null
"""
TIMER = """
[Unit]
Description=Retention of document-processing jobs, every night

[Timer]
OnCalendar=*-*-* 03:17:00
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
"""

SECTIONS: dict[str, Mapping[str, tuple[Block, ...]]] = {
    "audit": AUDIT,
    "cleanup": {
        "SWEEPS": (
            Item(
                tag="`approvals`",
                text="""Jobs in `awaiting_approval` whose deadline has passed, also those whose
                deadline somebody has taken away: they fail with the message `Approval timed out`,
                token and queue entry go, and their documents are deleted. What a denial has left
                undone is finished.""",
            ),
            Item(
                tag="`stuck`",
                text="""Jobs in `pii_scanning`, `processing` or `processing_queued` that nobody has
                changed for `stuck_after`: they fail. Their documents stay, so that they can be
                retried.""",
            ),
            Item(
                tag="`retention`",
                text="""Jobs that ended longer ago than `retention_completed`, `retention_failed`,
                `retention_cancelled` or `retention_denied` says. They are shorter than the times
                to live, so that the jobs are seen before their records expire.""",
            ),
            Item(
                tag="`index`",
                text="""Index entries whose records have expired, with the documents that those
                have left. A record that went sooner than the shortest time to live ends was
                deleted or evicted by somebody, or belongs to another namespace: its entry and its
                documents are left alone, and the report counts it as `gone_early`.""",
            ),
            Item(
                tag="`orphans`",
                text="""On request only: objects below a UUID that is no job's, that no record
                names, and that are older than `--grace`. What has another name may be anybody's
                and is left alone.""",
            ),
        ),
        "PROTOCOL": (
            """One run at a time holds a lease; a second one exits with 11. Every change compares
            the lease, so that a run that was paused for longer than the lease lasts changes
            nothing more. Right before each request that deletes documents the lease is asked for
            and the jobs are looked at again. The buckets are checked before the first change. A
            job is deleted in three steps: it is marked and the intent recorded,
            if its status and the time of its last change are still those that were judged; its
            objects are deleted by exact key and every answer is checked; its record, index entry,
            deadline, token and queue entries go together with the record of it. Whoever is
            changed between the first step and the last keeps its record, and the next run takes
            off the mark: the plan shows it as `delete-abandon`. An orphan is judged again when it
            is deleted: it must not have been written since, nor belong to a job, and one among
            the results goes only with `--results`, whatever the plan says.""",
            """What may lose its documents is counted against `max_delete`: jobs of the sweeps
            `approvals` and `retention`, entries of `index`, and `orphans`. Entries of the index
            that are no valid job ids are left alone, and counted as `malformed`; jobs whose last
            change nobody can tell as `undatable`. The report has some of each by name.""",
            """An archive has a file of JSON lines for each batch, compressed with gzip: a job's id
            and its fields as they were stored, PII and tokens included. It is read back before
            anything is deleted. `--archive-documents` copies the documents beside it. Whatever
            sweep deletes documents, they are archived first: a line says which one, and whether
            there was a record. What cannot be archived keeps its own job, which is named. A place
            written as `something:/…` other than `s3://BUCKET/PREFIX` is refused: no jobs are
            deleted into a directory of that name.""",
            """Deleted documents may stay as versions: `versions_kept` of the report and a line on
            stderr tell whether a bucket keeps all versions, older ones because versioning is
            suspended, or locked ones until their retention ends.""",
        ),
        "METRICS": (
            """`--textfile` writes `jobctl_cleanup_last_run_timestamp_seconds` (when the jobs were
            judged), `_exit_code`, `_duration_seconds`, `_examined_jobs`, `_due_jobs`,
            `_done_jobs`, `_failed_jobs`, `_left_jobs`, `_deleted_objects` and some more. The file
            is replaced in one step when the run is over, also when it was refused (7), found
            another one at work (11) or lost Redis or S3 on the way (6): watch `_exit_code`. A run
            that fails before it has judged its jobs writes nothing, and neither does one that is
            killed: watch the age of the first too. A dry run leaves the file as it is.""",
            """Whether the file can be written is tried before anything else; where it cannot, the
            command ends with 2 or 13 and has done nothing. Where it fails at the end all the same,
            the report is whole and the exit code 3.""",
        ),
        "SUMMARY": (
            """One line on standard error sums the run up, unless `--quiet` is given: as text, or
            with `-o json` and `-o jsonl` as an object of kind `Note` with a `message`, which is no
            error. What the line says is in the JSON report as `summary`, and in JSON lines as the
            last one, of kind `CleanupSummary`.""",
        ),
        "SCHEDULING": (
            "With cron:",
            Listing(text=CRONTAB),
            "With systemd, `jobctl-cleanup.service`:",
            Listing(text=SERVICE),
            "and `jobctl-cleanup.timer`:",
            Listing(text=TIMER),
        ),
    },
    "token": {
        "KINDS": (
            Item(
                tag="`approval`",
                text="""Opens the decision on one job, until the deadline in its record. It is kept
                in `<namespace>:approval-token:<token>` and in the record. A job has one at most:
                a new one makes the one before it void. It is used up by the decision, be it made
                with the token (`jobctl approve --token-file`, `jobctl deny --token-file`) or with
                the job's id.""",
            ),
            Item(
                tag="`stream`",
                text="""Opens a job's progress to one bearer, once. It is kept in
                `<namespace>:stream-token:<token>` alone, so a job may have several, and none of
                them can be found by its job.""",
            ),
            """Both have 43 characters, made of 256 random bits, and are safe in URLs: as the
            services make theirs, so either side honours the tokens of the other.""",
        ),
    },
}
