"""The root boundary: turns whatever happens into output, one message and an exit code."""

import errno
import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper, UnsupportedOperation
from types import FrameType
from typing import Any, NoReturn

from jobctl.cli.forgiving_stderr import forgiving
from jobctl.errors import ExitCode, InvalidUsageError, JobctlError

_OUTPUT_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that `finally` runs and the embedded store is released."""


def main(arguments: list[str] | None = None) -> int:
    """Run *arguments* (without the program's name) and return the exit code."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal has its own encoding; other programs get UTF-8, as JSON demands.
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    stderr, sys.stderr = sys.stderr, forgiving(sys.stderr)
    previous = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except _Terminated:
        return ExitCode.TERMINATED
    finally:
        signal.signal(signal.SIGTERM, previous)
        sys.stderr = stderr


def _open_closed_streams() -> None:
    """A caller may close stdout or stderr; what would go there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def _on_sigterm(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _run(arguments: list[str]) -> int:
    from jobctl.cli.context import Invocation

    invocation = Invocation()
    try:
        code = _dispatch(arguments, invocation)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return int(ExitCode.DONE)
    except OSError as error:
        if error.errno not in _OUTPUT_FAILURES:
            return _defect(error, debug=invocation.debug)
        _discard_output()
        sys.stderr.write(f"jobctl: cannot write the output: {error.strerror}\n")
        sys.stderr.write("        what was asked for may be done: jobctl audit list tells\n")
        return int(ExitCode.PARTIAL)
    except JobctlError as error:
        return _fail(error, invocation, arguments)
    except Exception as error:  # noqa: BLE001 - the root boundary: what is left is a defect
        return _defect(error, debug=invocation.debug)
    else:
        return code
    finally:
        if invocation.opened is not None:
            invocation.opened.close()


def _dispatch(arguments: list[str], invocation: Any) -> int:
    from jobctl.cli.app import build

    try:
        answer = build().main(arguments, prog_name="jobctl", standalone_mode=False, obj=invocation)
    except SystemExit as leaving:
        # Typer ends the process like this when it cannot write its help to a closed pipe.
        if leaving.code == 1 and "_JOBCTL_COMPLETE" not in os.environ:
            raise BrokenPipeError from leaving
        raise
    except Exception as error:
        ours = _in_our_terms(error)
        if ours is None:
            raise
        raise ours from None  # its text may repeat an argument
    if isinstance(answer, int) or answer is None:  # --help and --version answer with their code
        return answer or ExitCode.DONE
    return _show(answer)


def _in_our_terms(error: Exception) -> BaseException | None:
    """Typer's own complaints as ours; None for anything else."""
    import typer

    if isinstance(error, typer.TyperException):
        where = getattr(error, "ctx", None)
        path = where.command_path if where else "jobctl"
        # An argument too many may be a token that somebody expected there.
        message = error.format_message().rstrip(".").partition("(s) (")[0]
        hint = f"see {path} --help"
        if path == "jobctl" and "option" in message:
            hint = "options of a command stand behind its name; " + hint
        return InvalidUsageError(message[:1].lower() + message[1:], hint=hint)
    return KeyboardInterrupt() if isinstance(error, typer.Abort) else None


def _show(answer: Any) -> int:
    from jobctl.cli.terminal import style_for
    from jobctl.render.output import Streams, write_result

    style = style_for(
        answer.session.settings,
        columns=answer.columns,
        quiet=answer.session.quiet,
        off_terminal=getattr(answer.result, "off_terminal", "tsv"),
    )
    streams = Streams(out=sys.stdout, err=sys.stderr)
    try:
        write_result(answer.result, style, streams)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()  # that nobody reads on changes nothing of what was done
    except (JobctlError, OSError) as error:
        _end(answer.result, getattr(error, "exit_code", ExitCode.PARTIAL), style, streams)
        raise
    else:
        _follow_up(answer.result)
    code = getattr(answer.result, "exit_code", ExitCode.DONE)
    return int(_end(answer.result, code, style, streams))


def _end(result: Any, code: ExitCode, style: Any, streams: Any) -> ExitCode:
    """Tell whom *result* names that it is over; the exit code that comes of it."""
    from jobctl.render.output import write_error

    for told in getattr(result, "when_over", ()):
        try:
            told(result, code)
        except JobctlError as error:
            write_error(error, streams.err, for_machines=style.for_machines)
            code = code or error.exit_code
    return code


def _follow_up(result: Any) -> None:
    """What a result wants done once its reader has all of it, and not where it was cut short."""
    when_written = getattr(result, "when_written", None)
    if when_written is not None and sys.__stdout__ is not None:  # else it went nowhere
        with suppress(UnsupportedOperation):
            _sync(sys.stdout.fileno())
        when_written()


def _sync(descriptor: int) -> None:
    """A file is on the disk then; whatever else stdout is has nothing to wait for."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _OUTPUT_FAILURES:
            raise


def _fail(error: JobctlError, invocation: Any, arguments: list[str]) -> int:
    if invocation.debug:
        _print_traceback(error)
    from jobctl.render.output import write_error

    with suppress(OSError):  # the exit code tells it too
        write_error(error, sys.stderr, for_machines=_wants_json(invocation, arguments))
    return int(error.exit_code)


def _wants_json(invocation: Any, arguments: list[str]) -> bool:
    """Whether errors go out as JSON, also where the command line itself was wrong."""
    try:
        if invocation.opened is not None:
            return invocation.opened.settings.output in ("json", "jsonl")
    except JobctlError:
        pass
    chosen = os.environ.get("JOBCTL_OUTPUT", "")
    for flag, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if flag in ("-o", "--output"):
            chosen = value
        elif flag.startswith(("-o", "--output=")):
            chosen = flag.removeprefix("--output=").removeprefix("-o")
    return chosen in ("json", "jsonl")


def _defect(error: Exception, *, debug: bool) -> int:
    """A defect names its type and place, not its text: that may hold a document's contents."""
    if debug:
        _print_traceback(error)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    file = place.tb_frame.f_code.co_filename.rpartition("/")[2] if place else "nowhere"
    line = place.tb_lineno if place else 0
    sys.stderr.write(f"jobctl: internal error: {type(error).__name__} ({file}:{line})\n")
    sys.stderr.write("        run it again with jobctl --debug … and report what it shows\n")
    return int(ExitCode.BUG)


def _print_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)


def _discard_output() -> None:
    """`| head` has seen enough, or the disk is full: what is buffered must not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
