"""One module a subcommand; each is imported only when its subcommand runs."""
