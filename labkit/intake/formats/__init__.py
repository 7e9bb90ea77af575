"""Public data sets, one module each: licence, source, traps."""
