"""The command `botticelli`: a room for each kind of noun. Parses, calls the engine and prints; decides nothing about a run.

main.py knows which module each command is in, and imports it when it is used.
"""
