"""Lends databases to tests, and orders those who write in one."""
