"""What servers for tests say and understand: bodies, streams and errors of providers, and forms for Discord."""
