"""The command `botticelli`: one file per noun. Parses, calls the engine and prints; decides nothing about a run."""
