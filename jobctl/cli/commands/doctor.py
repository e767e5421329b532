"""`jobctl doctor`."""

from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.services.doctor import DoctorReport
from jobctl.services.doctor import doctor as examine

EXAMPLES = """jobctl doctor
jobctl --context production doctor -o json"""


@command
def doctor(session: Session) -> DoctorReport:
    """Check the connection, the permissions and the index.

    Redis and S3 reachable, version, eviction policy, persistence, clock, permissions, key types
    and, by a sample, whether index and records agree. Nothing is written. The exit code is that
    of the first failed check; warnings do not fail.
    """
    settings = session.settings
    return examine(
        store=session.store_probe,
        objects=session.objects,
        buckets=(settings.documents_bucket, settings.results_bucket),
    )
