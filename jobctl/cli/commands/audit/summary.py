"""`jobctl audit summary`."""

from contextlib import closing

from jobctl.cli.audit_filters import AuditFilters
from jobctl.cli.context import Session
from jobctl.cli.pacing import Pacing
from jobctl.cli.params import command
from jobctl.services.audit_summary import AuditSummary, SummarizeAudit, audit_summary

EXAMPLES = """jobctl audit summary --since 7d
jobctl audit summary --actor cron -o json
jobctl audit summary -o csv > activity.csv"""


@command
def summary(session: Session, filters: AuditFilters) -> AuditSummary:
    """Count the records by actor, by action and by day.

    Days are in UTC. The trail is read once; a span with --since is read from its end.
    """
    wanted, trail = filters.build(session.now()), session.audit_log
    # The line of progress is gone before the result is shown.
    with closing(Pacing(session, rate=None, lease=None, total=trail.extent().length)) as pace:
        request = SummarizeAudit(filter=wanted, pace=pace)
        return audit_summary(request, audit_log=trail)
