"""Turns rows into what pages show. Pure: no HTML, no request, no Postgres."""
