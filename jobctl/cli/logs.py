"""Logging to stderr, only when it was asked for. Logs name keys and counts, never contents."""

import json
import logging
import sys


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": record.getMessage(),
            }
        )


def switch_on(*, as_json: bool, every_step: bool) -> None:
    """Log jobctl's own steps. Client libraries stay silent: their logs may hold commands."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if as_json else text)
    logger = logging.getLogger("jobctl")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if every_step else logging.INFO)
    logger.propagate = False
