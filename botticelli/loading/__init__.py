"""How our modules are found: packages that load a name when it is first asked for, and the folder of the worker's code.

Imports nothing else of Botticelli.
"""
