"""What open streams of events cost a server."""
