"""Discord by its HTTP API: a catalogue, a thin client, and the steps of commands that are more than one request."""
