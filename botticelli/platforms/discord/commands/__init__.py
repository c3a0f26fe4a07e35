"""Commands that are more than one request, and how one is recognised whose outcome is unknown."""
