"""Creates runs from a narrative, from a request over the wire, or from an earlier run."""
