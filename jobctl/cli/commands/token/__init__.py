"""`jobctl token`: a group of commands."""

COMMANDS: dict[str, str] = {
    "issue": "Make a token for a job, or renew its deadline.",
    "verify": "Tell whose a token is, and whether it is good.",
    "consume": "Use up a stream token: once, for one.",
    "revoke": "Make a token void.",
}


def token() -> None:
    """Tokens open a decision, or a job's progress, to whoever bears them.

    They are interchangeable with those of the services. A token is printed by issue and nowhere
    else; it is read from a file, standard input or a prompt, never from the command line.
    """
