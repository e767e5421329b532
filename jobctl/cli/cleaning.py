"""From the options of `cleanup` to a plan, and from the plan to a report."""

import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice

from jobctl.cli.confirmation import SAMPLE, can_prompt, confirm, show_sample
from jobctl.cli.context import Session
from jobctl.cli.metrics_file import MetricsFile
from jobctl.cli.parsers import comma_separated, key_value, status_name
from jobctl.cli.places import ArchivePlace
from jobctl.cli.plan_files import plan_lines, save, saved_plan
from jobctl.cli.replaced_file import require_replaceable
from jobctl.cli.retention_options import Choosing, Doing
from jobctl.domain.limits import DeletionLimit
from jobctl.domain.moments import parse_duration
from jobctl.domain.retention import DEFAULT_GRACE, USUAL_SWEEPS, RetentionPolicy, Sweep
from jobctl.domain.status import TERMINAL, JobStatus
from jobctl.errors import InvalidUsageError, JobctlError, RefusedError
from jobctl.services.archive import Archive
from jobctl.services.cleanup import (
    CleanUp,
    CleanupReport,
    Pace,
    check_limit,
    clean_up,
    preview,
)
from jobctl.services.cleanup_plan import CleanupPlan
from jobctl.services.cleanup_selection import Selecting, select
from jobctl.services.object_store import ObjectStore
from jobctl.services.operations import counted
from jobctl.services.sweeps import SweepContext

_USUAL_LIMIT = DeletionLimit(percent=20, at_least=10)


def clean(choosing: Choosing, doing: Doing, session: Session) -> CleanupReport:
    """Judge the jobs, then do what is due; the work is done while the report is read."""
    metrics = None if doing.textfile is None else MetricsFile(doing.textfile)
    plan = make_plan(choosing, session)
    try:
        report = carry_out(plan, choosing, doing, session)
    except JobctlError as error:
        if metrics is not None and not only_shows(doing):
            try:
                metrics.write_refused(plan, error.exit_code)
            except JobctlError as second:
                session.note(second.message)
        raise
    if not plan.header.total:
        session.note(f"the index {session.keys.index} has no entries: see namespace and index_key")
    report.eviction_policy = session.redis_probe().eviction_policy()
    if metrics is not None and report.dry_run:
        session.note("a dry run writes no metrics")
    elif metrics is not None:
        report.when_over.append(metrics.write)
    return report


def only_shows(doing: Doing) -> bool:
    """Whether nothing is to be changed, be it for want of somebody to ask."""
    return doing.dry_run or doing.plan_out is not None or not (doing.yes or can_prompt())


def make_plan(choosing: Choosing, session: Session) -> CleanupPlan:
    """The plan that was written earlier, or a new one."""
    if choosing.plan is not None:
        if choosing.only or choosing.older or choosing.keep_last or choosing.grace:
            raise InvalidUsageError("--plan says all of what is due: no other choice goes with it")
        with plan_lines(session) as lines:
            return saved_plan(choosing.plan, namespace=session.settings.namespace, lines=lines)
    request = Selecting(
        policy=_policy(choosing, session),
        namespace=session.settings.namespace,
        shortest_life=session.ttl.shortest,
        keep_last=choosing.keep_last,
        results=choosing.results,
    )
    with plan_lines(session) as lines:
        return select(request, jobs=session.jobs, documents=session.documents, lines=lines)


def check_options(choosing: Choosing, doing: Doing) -> None:
    """What can be told to be wrong before anything is read."""
    if doing.archive is None and doing.archive_documents:
        raise InvalidUsageError("--archive-documents needs --archive")
    if choosing.only and not comma_separated(choosing.only):
        raise InvalidUsageError("--only names no sweep", hint="there are: " + ", ".join(Sweep))
    for path in (doing.textfile, doing.plan_out):
        if path is not None:
            require_replaceable(path)


def carry_out(
    plan: CleanupPlan, choosing: Choosing, doing: Doing, session: Session
) -> CleanupReport:
    """Show the plan, write it to a file, or do what it says."""
    limit = doing.max_delete or session.settings.max_delete or _USUAL_LIMIT
    if doing.plan_out is not None:
        save(plan, doing.plan_out)
    if only_shows(doing):
        return _shown(plan, limit, session)
    check_limit(limit, plan)
    if session.resolved.context_is_implicit and session.is_local and not can_prompt():
        raise RefusedError(
            "nobody has chosen this store: no redis_url is set",
            hint="set redis_url, or say --context local",
        )
    asked = time.monotonic()
    if len(plan) and not doing.yes:
        _show(plan, session)
        confirm(f"Clean up {counted(len(plan), 'job')}")
    return clean_up(
        CleanUp(
            plan=plan,
            pace=_pace(doing, session, waited=time.monotonic() - asked),
            context=_context(plan, choosing, doing, session),
        ),
        jobs=session.jobs,
        documents=session.documents,
    )


def _shown(plan: CleanupPlan, limit: DeletionLimit, session: Session) -> CleanupReport:
    try:
        check_limit(limit, plan)
    except RefusedError as error:
        session.note(f"it would be refused: {error.message}")
    return preview(plan)


def _pace(doing: Doing, session: Session, *, waited: float) -> Pace:
    """What somebody took to answer is not of the time budget."""
    return Pace(
        rate=doing.rate,
        started=session.started + waited,
        time_budget=doing.time_budget,
        interrupted=session.interruption(),
    )


def _show(plan: CleanupPlan, session: Session) -> None:
    from jobctl.render.rows import Column

    columns = [Column(name=name, keep=name != "why") for name in ("id", "sweep", "status", "why")]
    rows = [
        (due.job_id, due.sweep.value, due.status, due.reason)
        for due in islice(plan.entries(), SAMPLE)
    ]
    show_sample(columns, rows, len(plan), session)
    counts = ", ".join(f"{sweep} {count:,}" for sweep, count in plan.counts.items())
    sys.stderr.write(f"{counts}\n")


def _policy(choosing: Choosing, session: Session) -> RetentionPolicy:
    names = comma_separated(choosing.only)
    for name in names:
        if name not in list(Sweep):
            raise InvalidUsageError(f"no sweep {name}", hint="there are: " + ", ".join(Sweep))
    policy = RetentionPolicy(
        cutoff=session.jobs.read([]).now,
        sweeps=frozenset(map(Sweep, names)) or USUAL_SWEEPS,
        keep=_keep(choosing, session),
        stuck_after=session.settings.stuck_after,
        grace=choosing.grace or DEFAULT_GRACE,
    )
    if Sweep.RETENTION in policy.sweeps and not policy.keep:
        raise RefusedError(
            "the retention policy is empty: every status is kept for ever",
            hint="--older STATUS=DURATION, the settings retention_…, or --only without retention",
        )
    return policy


def _keep(choosing: Choosing, session: Session) -> Mapping[JobStatus, timedelta]:
    keep: dict[JobStatus, timedelta] = {}
    for status in TERMINAL:
        limit = getattr(session.settings, f"retention_{status}")
        if limit is not None:
            keep[status] = limit
    for text in choosing.older or ():
        name, duration = key_value(text)
        status = status_name(name)
        if status not in TERMINAL:
            raise InvalidUsageError(f"--older: only a job that has ended is deleted, not {status}")
        keep.pop(status, None)
        if duration != "never":
            keep[status] = parse_duration(duration)
    return keep


def _context(plan: CleanupPlan, choosing: Choosing, doing: Doing, session: Session) -> SweepContext:
    return SweepContext(
        policy=plan.header.policy,
        ttl=session.ttl,
        actor=session.actor,
        new_op_id=session.new_op_id,
        lease=session.cleanup_lease,
        results=choosing.results,
        archive=_archive(plan, doing, session),
    )


def _archive(plan: CleanupPlan, doing: Doing, session: Session) -> Archive | None:
    place = doing.archive
    if place is None:
        return None
    cutoff = plan.header.policy.cutoff
    return Archive(
        store=_archive_store(place, session),
        bucket=place.bucket,
        prefix=place.prefix,
        jobs=session.jobs,
        documents=session.documents,
        run=f"{cutoff:%Y%m%dT%H%M%SZ}-{session.new_op_id()}",
        at=cutoff,
        with_documents=doing.archive_documents,
    )


def _archive_store(place: ArchivePlace, session: Session) -> ObjectStore:
    if place.directory is None:
        return session.s3_objects
    from jobctl.storage.directory_objects import DirectoryObjectStore

    return DirectoryObjectStore(place.directory)
