"""The section CHOICES of jobctl(1): where the services that share the keys contradict each other,
or do something that loses jobs, and what jobctl does there."""

from jobctl.manual.choices_of_retention import DELETING, RETENTION
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
        text="""It is shown as it is stored and breaks no command. Its job is neither deleted nor
        moved on by a guess; `cancel` ends it.""",
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
        tag="A reason is kept as it was written, and masked in the trail",
        text="""The record holds the findings anyway, and expires; the audit trail stays. So the
        reason of a decision is stored in the job as it stands, and in the trail with the findings
        masked. A decision needs one of 10 (`min_reason_length`) to 1,000 characters.""",
    ),
    Item(
        tag="Tokens are stored in clear",
        text="""The services look a token up as it is, in the key
        `<namespace>:approval-token:<token>` or `<namespace>:stream-token:<token>`, so it cannot be
        stored hashed. `token issue` prints the one that it has made. Nothing else prints a token,
        and none is logged, written to the audit trail or taken from a command line.""",
    ),
    Item(
        tag="Tokens are those of the services",
        text="""They have the same form (43 characters, safe in URLs), the same keys and, unless
        another one is asked for, the same lifetimes, so either side honours what the other has
        issued.""",
    ),
    Item(
        tag="A stream token is used once",
        text="""The service takes it with `GETDEL`. `token consume` does the same together with an
        audit record: of several that bear it, one gets through.""",
    ),
)

_CHANGING: tuple[Block, ...] = (
    Item(
        tag="The audit record is part of the change",
        text="""Every change is one script in Redis that writes the audit record and the job
        together, or neither. Each record pins the one before it by a hash. What the services
        change leaves no record.""",
    ),
    Item(
        tag="What was refused is recorded too",
        text="""A change that a job's state, a rule or a wrong token forbids leaves a record with
        the action `approve-refused`, `token-verify-refused` and so on, with who, why and a fixed
        phrase; outages, usage errors and dry runs leave none. What may be a token is recorded as
        the job `-`, and a reason only where the job tells what to mask. A namespace records 60 a
        minute; the next one says how many were left out. `audit_refusals` at `false` switches it
        off.""",
    ),
    Item(
        tag="Changes compare the status that was read",
        text="""The services write without looking: they deny completed jobs and revive denied
        ones. A change by jobctl is refused with 5 when the status is no longer the one it was
        based on, and while the approval service holds its lock on the job. Commands for many jobs
        read such a job again before they refuse.""",
    ),
    Item(
        tag="The index never goes back",
        text="""An entry of `<namespace>:jobs-by-updated` only ever moves to a later time (`ZADD
        GT`), however late a change arrives.""",
    ),
    Item(
        tag="The queue entry is pushed in the same step",
        text="""A job that is approved, or created as `processing_queued`, gets its entry in
        `<namespace>:queue:processing` by the script that writes it, and one that becomes
        `awaiting_approval` its entry in `<namespace>:queue:approval`, so that no crash leaves a
        job that no worker hears of. The setting `handoff` at `none` leaves the first of them out:
        the decision is recorded, and something else has to start the work. This version refuses
        `celery`.""",
    ),
    Item(
        tag="A lost reply is looked up, not repeated blindly",
        text="""Every change has an operation id. When the connection breaks, jobctl looks for that
        id in the audit trail before it tries again; if it cannot tell, it exits with 14 and prints
        the id, and `audit list --op` with it tells later.""",
    ),
    Item(
        tag="Deciding is not updating",
        text="""`update` takes a job out of `awaiting_approval` only to `failed`, and sets neither
        decisions nor tokens nor times of decisions.""",
    ),
)

_DECIDING: tuple[Block, ...] = (
    Item(
        tag="Approving and denying cannot both succeed",
        text="""In the service both can, and the job goes on without its document. A decision by
        jobctl is one compare-and-set: of two that contradict each other the second is refused with
        5, and the document is there exactly when the first approved. While the service decides, it
        holds a lock on the job. jobctl tries again for as long as `--wait` says, and is refused
        then.""",
    ),
    Item(
        tag="A decision is final",
        text="""The same one again changes nothing and is no error. The opposite one is refused with
        5, and the message names who has decided, and when.""",
    ),
    Item(
        tag="Denial decides first and deletes then",
        text="""The decision is one step, which leaves the mark `cleanup_state` at `pending`. Then
        exactly the job's own documents are deleted, and the mark goes with an audit record of its
        own. Where that fails, the denial stands, the exit code is 3, `status` names the anomaly
        `cleanup_pending`, and the same command again finishes it.""",
    ),
    Item(
        tag="A deadline that cannot be told is a conflict",
        text="""When `approval_expires_at` has passed, has no zone or is missing, nobody can decide:
        the command is refused with 5. `token issue ID --extend 4h` sets a new deadline, and keeps
        the token that reviewers have.""",
    ),
    Item(
        tag="Approving asks whether the document is still there",
        text="""An approval may take longer than the documents are kept. `approve` and `retry`
        refuse a job that has lost its document with 4; `--no-verify` does not ask.""",
    ),
    Item(
        tag="The reviewer and the actor are two things",
        text="""Who has decided (`--as`, else the actor) is stored in the job, and the actor is who
        ran the command. The audit record names both, and where the reviewer's name came from.
        jobctl checks neither name: whoever may write to Redis may give any.""",
    ),
    Item(
        tag="Who made a job may decide on it, unless told otherwise",
        text="""With `--different-from-creator` a decision is refused with 7 when the reviewer or
        the actor is the job's `created_by` or `user_id`, and when the record has neither.""",
    ),
    Item(
        tag="Cancelling keeps the document",
        text="""A cancelled job can be retried. It is stored as `cancelled`, or with the setting
        `cancel_status` at `failed` as `failed` with the message `Job cancelled by user`, for a
        service that fails on a status it does not know.""",
    ),
    Item(
        tag="Cancelling does not stop a worker",
        text="""A Celery task is not revoked yet, and the note says so. A worker that does not look
        may still write its result over the cancelled job; `status` names that.""",
    ),
    Item(
        tag="A retry begins anew",
        text="""The job starts from `queued`, scan and approval included. The result, the errors,
        the decision and the progress of the attempt before are removed from its record: they would
        pass for the new one's. What became of earlier attempts is kept in `attempts`, and
        `attempt` counts them.""",
    ),
)

_MANY: tuple[Block, ...] = (
    Item(
        tag="Filters show what they choose, and ask",
        text="""Ids, given one by one or on standard input, are taken at their word. Filters are
        answered with a sample, the number and a question; without a terminal to ask at, the
        command refuses with 7 unless `--yes` is given.""",
    ),
    Item(
        tag="Each job is a change of its own",
        text="""One that fails stops no other, and is named with its error. The exit code is 3, or
        that of the failure when all have failed alike. When Redis or S3 no longer answers, the
        rest is not tried.""",
    ),
    Item(
        tag="The first Ctrl-C ends in good order",
        text="""The batch under way, at most 100 jobs, is finished and shown; the rest is not
        tried, and the exit code is 130. The second Ctrl-C stops at once. A pipe that is closed
        stops no work: what was asked for is done all the same.""",
    ),
)

CHOICES: tuple[Block, ...] = (
    _READING + _PRIVACY + _CHANGING + _DECIDING + _MANY + DELETING + RETENTION
)
