"""Traces runs with OpenTelemetry, where the environment or the settings name a receiver; else spans cost nothing."""
