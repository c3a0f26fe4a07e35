"""Makes runs: of a narrative, of a request over the wire, or of an earlier run."""
