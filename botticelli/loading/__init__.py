"""Finds and loads Botticelli's modules: packages that import names lazily, and the folder of the worker's code.

Imports nothing else of Botticelli.
"""
