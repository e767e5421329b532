"""Sections that the page of one command or group has beyond what its help says.

By its name, then by their titles. They stand behind its options, or its commands.
"""

from collections.abc import Mapping

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
                have left.""",
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
            """An archive has a file of JSON lines for each batch, compressed with gzip: a job's id
            and its fields as they were stored, PII and tokens included. It is read back before
            anything is deleted. `--archive-documents` copies the documents beside it. Whatever
            sweep deletes documents, they are archived first: a line says which one, and whether
            there was a record. What cannot be archived keeps its own job, which is named.""",
            """Deleted documents may stay as versions: `versions_kept` of the report and a line on
            stderr tell whether a bucket keeps all versions, older ones because versioning is
            suspended, or locked ones until their retention ends.""",
        ),
        "METRICS": (
            """`--textfile` writes `jobctl_cleanup_last_run_timestamp_seconds`, `_exit_code`,
            `_duration_seconds`, `_examined_jobs`, `_due_jobs`, `_done_jobs`, `_failed_jobs`,
            `_left_jobs`, `_deleted_objects` and some more, in one step. A run that fails before it
            has judged anything writes nothing: watch the age of the first.""",
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
