"""Choices that concern what is deleted, and when."""

from jobctl.manual.roff import Block, Item

RETENTION: tuple[Block, ...] = (
    Item(
        tag="Retention goes by the last change, and looks twice",
        text="""The services judge by creation and delete at once. `cleanup` judges by the last
        change, and again in the step that changes the job; one that somebody has revived
        meanwhile is let go.""",
    ),
    Item(
        tag="Cleanup has a limit",
        text="""It refuses to delete more than `max_delete`, without it 20 % of all jobs but always
        10, whatever the policy says: a wrong clock, policy or namespace should not empty the
        store. Every job counts that may lose its documents, expired ones and approvals that
        nobody has decided included.""",
    ),
    Item(
        tag="What ran out of time is no failure",
        text="""`cleanup --time-budget` exits with 0 and says how many jobs were left for the next
        run. The time counts from the start of the command, the selection included, but for the
        time that an answer takes.""",
    ),
    Item(
        tag="Expired records still have documents",
        text="""A denied job's record expires after 7 days, before a retention of 30 would see it.
        `cleanup` deletes after 6 days unless told otherwise, and looks for the documents of
        records that have expired all the same.""",
    ),
    Item(
        tag="Nothing is dated by a guess",
        text="""A service gives unreadable times the value `now` when it fills the index.
        `backfill-index` leaves such jobs where they are and names them, and so does `cleanup`. A
        record that has none of the fields that tell, because a worker has reported into one that
        had expired, is one of them.""",
    ),
    Item(
        tag="A rebuilt index loses nothing",
        text="""The new index takes the old one's place in one step; then what only the old one
        has is taken over, where there is a record. The old one stays until that is complete, under
        `<namespace>:jobctl:index:retired`, and any later run of `backfill-index` finishes it.""",
    ),
)

DELETING: tuple[Block, ...] = (
    Item(
        tag="Only ended jobs are deleted",
        text="""A service deletes jobs that are being processed, under the worker's hands. `delete`
        refuses them with 5: cancel them first.""",
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
        text="""An object that was there before and was only named by `--s3-key` is deleted neither
        with its job nor when that is denied, unless its key is one of the job's own.""",
    ),
    Item(
        tag="Approval requests are taken back",
        text="""Nobody takes entries out of `<namespace>:queue:approval`, where they would hold
        their tokens for ever. Whatever ends the wait for a decision removes the job's entries from
        both queues, its deadline and its token, and so does deleting the job.""",
    ),
)
