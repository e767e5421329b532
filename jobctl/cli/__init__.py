"""From argv to an exit code."""
