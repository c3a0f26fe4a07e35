"""Generated requests to a real server, by the OpenAPI document that it publishes."""
