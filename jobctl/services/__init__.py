"""What jobctl does: one module a verb, each with its request and its result."""
