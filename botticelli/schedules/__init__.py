"""Decides when a schedule fires and what each of its times comes to. Pure: no database, no network, no clock."""
