"""Says whose a request is: tokens, sessions, scopes, tenants."""
