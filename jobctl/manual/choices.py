"""The section CHOICES of jobctl(1): where the services that share the keys contradict each other,
or do something that loses jobs, and what jobctl does there."""

from jobctl.manual.roff import Block, Item

INTRODUCTION: tuple[Block, ...] = (
    """The services that share these records were written at different times and disagree in
    places. This is what jobctl does where they do.""",
)

_READING: tuple[Block, ...] = (
    Item(
        tag="Cancelled has two spellings",
        text="""One service stores the status `cancelled`; another stores `failed` with the message
        `Job cancelled by user`, or with `cancelled_at`. Both are read as cancelled, and JSON has
        what is stored as `stored_status`.""",
    ),
    Item(
        tag="`error` and `error_message` are one thing",
        text="""Workers write the first, services the second. They are shown as one text, both
        parts where they differ, and only with `--errors`: workers put anything into it.""",
    ),
    Item(
        tag="A time without a zone is reported, not guessed",
        text="""Times with a zone and times without one mix in these records. One without counts as
        absent, and `status` names the field. The same goes for any other value that cannot be
        read: the rest of the record is shown.""",
    ),
    Item(
        tag="An unknown status counts as active",
        text="""It is shown as it is stored and breaks no command. Its job can neither be deleted
        nor moved on by a guess.""",
    ),
    Item(
        tag="Age is the time since the last change",
        text="""The services judge age by creation, so a job that ended a second ago may look a
        month old. Lists, `--since`, `--until`, `--older` and the warning about stuck jobs go by
        the last change.""",
    ),
    Item(
        tag="The limit comes after the filters",
        text="`list --limit 50` shows 50 jobs that match, not those of 50 jobs that do.",
    ),
    Item(
        tag="An outage is never an empty list",
        text="When Redis or S3 cannot be reached, the command says so and exits with 6.",
    ),
    Item(
        tag="The index outlives the records",
        text="""An expired record leaves its index entry behind. Lists pass over such entries and
        say how many there were; `status` says that the job has expired.""",
    ),
    Item(
        tag="Damaged records are shown",
        text="""A record without an expiry, one that is not in the index, an index entry that is
        behind its record, an approval without deadline or token, a decision that a late worker has
        overwritten: `status` shows the job and names the anomaly.""",
    ),
)

_PRIVACY: tuple[Block, ...] = (
    Item(
        tag="Names are shown, findings are masked",
        text="""Operators know documents by their names, so names are printed. The texts that the
        PII scan has found are masked in names, summaries, reasons, error texts, metadata and
        unknown fields, and the findings themselves appear as counts only. Where the findings of a
        job cannot be read, nobody knows what to mask, and its free text is withheld altogether.
        """,
    ),
    Item(
        tag="Object keys are left as they are",
        text="""Keys in S3 are needed exactly, so they are neither masked nor rewritten. jobctl's
        own uploads are named after the job's id, `temp/<id>.<ext>`.""",
    ),
    Item(
        tag="Approval tokens are stored in clear",
        text="""The approval service looks a token up as it is, in the key
        `<namespace>:approval-token:<token>`, so it cannot be stored hashed. It is never printed,
        logged or written to the audit trail.""",
    ),
)

_CHANGING: tuple[Block, ...] = (
    Item(
        tag="The audit record is part of the change",
        text="""Every change is one script in Redis that writes the audit record and the job
        together, or neither. Each record pins the one before it by a hash.""",
    ),
    Item(
        tag="Changes compare the status that was read",
        text="""The services write without looking: they deny completed jobs and revive denied
        ones. A change by jobctl is refused with 5 when the status is no longer the one it was
        based on, and while the approval service holds its lock on the job.""",
    ),
    Item(
        tag="The index never goes back",
        text="""An entry of `<namespace>:jobs-by-updated` only ever moves to a later time (`ZADD
        GT`), however late a change arrives.""",
    ),
    Item(
        tag="The queue entry is pushed in the same step",
        text="""A job that becomes `processing_queued` gets its entry in
        `<namespace>:queue:processing` by the script that writes it, and one that becomes
        `awaiting_approval` its entry in `<namespace>:queue:approval`, so that no crash leaves a
        job that no worker hears of. The setting `handoff` at `none` leaves the first of them out.
        """,
    ),
    Item(
        tag="A lost reply is looked up, not repeated blindly",
        text="""Every change has an operation id. When the connection breaks, jobctl looks for that
        id in the audit trail before it tries again; if it cannot tell, it exits with 14 and prints
        the id.""",
    ),
    Item(
        tag="Deciding is not updating",
        text="""`update` takes a job out of `awaiting_approval` only to `failed`, and sets neither
        decisions nor tokens nor times of decisions.""",
    ),
)

_DELETING: tuple[Block, ...] = (
    Item(
        tag="Only ended jobs are deleted",
        text="""A service deletes jobs that are being processed, under the worker's hands. `delete`
        refuses them with 5.""",
    ),
    Item(
        tag="Documents first, the record last",
        text="""A deletion that is interrupted leaves the record, marked, and the same command
        finishes it. An object that could not be deleted keeps its job and exits with 3.""",
    ),
    Item(
        tag="`temp/<id>` is never a raw prefix",
        text="""As a prefix it would also match `temp/<id>-other.pdf`, which is another job's. A
        job owns `temp/<id>.<ext>`, `temp/<id>/`, `<id>/pages/` and `debug/<id>/`, and with
        `--results` its results, and nothing else.""",
    ),
    Item(
        tag="A registered document stays",
        text="""An object that was there before and was only named by `--s3-key` is not deleted
        with its job, unless its key is one of the job's own.""",
    ),
    Item(
        tag="Approval requests go with the job",
        text="""Nobody takes entries out of `<namespace>:queue:approval`, where they would hold
        their tokens for ever. Deleting a job removes its entries from both queues, its deadline
        and its token.""",
    ),
)

CHOICES: tuple[Block, ...] = _READING + _PRIVACY + _CHANGING + _DELETING
