"""What a cleanup did, or would do: an operation a job, and a summary."""

from collections.abc import Iterator

from jobctl.domain.moments import format_rfc3339
from jobctl.domain.retention import Sweep
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import (
    Document,
    Streams,
    Style,
    envelope,
    note,
    write_error,
    write_summary,
)
from jobctl.render.presenters.operation_list import operation_document, told, write_rows
from jobctl.services.cleanup import CleanupReport
from jobctl.services.documents import notes_on_versions
from jobctl.services.left_alone import NONE, LeftAlone, Oddity
from jobctl.services.operations import Operation, counted


def write(report: CleanupReport, style: Style, streams: Streams) -> None:
    items = told(report, style, streams)
    try:
        _write_items(items, report, style, streams)
    except OSError:
        for _ in told(report, style, streams):
            pass  # the reader has gone, but what was asked for is done all the same
        raise
    if report.halted is not None:
        write_error(report.halted, streams.err, for_machines=style.for_machines)
    write_summary(_summary(report), style, streams)
    _note_oddities(report, style, streams)
    if report.may_evict:
        note(
            f"the server may drop jobs by itself: its maxmemory-policy is {report.eviction_policy}"
            ", and should be noeviction",
            style,
            streams,
        )
    for text in notes_on_versions(report.versioned):
        note(text, style, streams)


def _write_items(
    items: Iterator[Operation], report: CleanupReport, style: Style, streams: Streams
) -> None:
    if style.format == "json":
        head = envelope("CleanupReport", _head(report))
        documents = map(operation_document, items)
        write_list_document(streams.out, head, documents, lambda: {"summary": _counts(report)})
    elif style.format == "jsonl":
        write_json_lines(
            streams.out, (envelope("Operation", operation_document(one)) for one in items)
        )
        # One line more, so that whoever reads them knows that this is all.
        write_json_lines(
            streams.out, [envelope("CleanupSummary", {**_head(report), **_counts(report)})]
        )
    else:
        write_rows(items, report, style, streams)


def _head(report: CleanupReport) -> Document:
    header = report.plan.header
    return {
        "dry_run": report.dry_run,
        "namespace": header.namespace,
        "cutoff": header.policy.cutoff,
    }


_TOLD = {
    Oddity.UNDATABLE: "whose last change nobody can tell",
    Oddity.GONE_EARLY: "gone before it could expire (deleted or evicted by others, or of another "
    "namespace)",
    Oddity.MALFORMED: "no valid job id",
}


def _left(report: CleanupReport, oddity: Oddity) -> LeftAlone:
    return report.plan.header.left_alone.get(oddity, NONE)


def _note_oddities(report: CleanupReport, style: Style, streams: Streams) -> None:
    for oddity, words in _TOLD.items():
        left = _left(report, oddity)
        if left.count:
            others = ", …" if left.count > len(left.examples) else ""
            named = ", ".join(map(repr, left.examples)) + others
            note(f"left alone: {counted(left.count, 'job')}, {words}: {named}", style, streams)


def _counts(report: CleanupReport) -> Document:
    return {
        "examined": report.plan.header.total,
        **{oddity.value: _left(report, oddity).count for oddity in Oddity},
        "examples": {oddity.value: list(_left(report, oddity).examples) for oddity in Oddity},
        "due": {sweep.value: report.plan.counts[sweep] for sweep in Sweep},
        "done": dict(report.done),
        "unchanged": report.unchanged,
        "failed": report.failed,
        "left": report.not_tried,
        "objects_deleted": report.objects,
        "eviction_policy": report.eviction_policy,
        "versioned_buckets": list(report.versioned),
        "versions_kept": {bucket: kept.value for bucket, kept in report.versioned.items()},
        "seconds": round(report.seconds, 3),
    }


def _summary(report: CleanupReport) -> str:
    """The one line that cron mails."""
    examined = f"{counted(report.plan.header.total, 'job')} examined"
    at = f"cutoff {format_rfc3339(report.plan.header.policy.cutoff.replace(microsecond=0))}"
    due = ", ".join(
        f"{sweep} {report.plan.counts[sweep]:,}" for sweep in Sweep if report.plan.counts[sweep]
    )
    if report.dry_run:
        return f"dry run, nothing was changed: {examined}, due: {due or 'nothing'}, {at}"
    done = ", ".join(f"{action} {count:,}" for action, count in report.done.items() if count)
    parts = [examined, f"done: {done or 'nothing'}", f"{counted(report.objects, 'object')} deleted"]
    if report.unchanged:
        parts.append(f"not due any more: {report.unchanged:,}")
    if report.failed:
        parts.append(f"failed: {report.failed:,}")
    if report.not_tried:
        parts.append(f"left: {report.not_tried:,}")
    return ", ".join([*parts, f"{report.seconds:.1f} s", at])
