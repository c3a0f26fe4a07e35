"""What all commands share: options, one call's settings and runtime, errors as lines, and how values are printed."""
