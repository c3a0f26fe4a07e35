"""Where settings come from: a file, the environment, flags, and files of the founding system; and how they are merged."""
