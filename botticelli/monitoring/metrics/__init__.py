"""Exports the metrics of the whole fleet for Prometheus, from rows and the Budget. Processes count nothing themselves."""
