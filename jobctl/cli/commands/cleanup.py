"""`jobctl cleanup`."""

from jobctl.cli.cleaning import check_options, clean, only_shows
from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.cli.retention_options import Choosing, Doing
from jobctl.services.cleanup import CleanupReport

EXAMPLES = """jobctl cleanup --dry-run
jobctl cleanup --yes --time-budget 20m --textfile /var/lib/node_exporter/jobctl.prom
jobctl cleanup --older failed=90d --older denied=2d --archive s3://backups/jobctl --yes
jobctl cleanup --only retention --plan-out plan.jsonl && jobctl cleanup --plan plan.jsonl --yes"""


@command
def cleanup(session: Session, choosing: Choosing, doing: Doing) -> CleanupReport:
    """Delete what has outlived its policy; mend what was left.

    Four sweeps: approvals (the time for a decision is over: failed, documents deleted), stuck (no
    activity for stuck_after: failed), retention (ended for longer than the retention settings say:
    deleted with the documents) and index (entries whose record has expired, with the documents
    they left). On request orphans: documents that belong to no job.

    Without a terminal and without --yes it only shows what it would do. Age is the time since the
    last change. Every job is judged again in the step that changes it; one that has changed
    meanwhile is left alone. Killed anywhere, the next run finishes what was begun.
    """
    session.require_writable(dry_run=only_shows(doing))
    check_options(choosing, doing)
    return clean(choosing, doing, session)
