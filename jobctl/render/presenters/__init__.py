"""How each result is shown: one module a result, named after its class, with `write`."""
