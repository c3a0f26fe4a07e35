"""Defines tables of settings that have a module of their own."""
