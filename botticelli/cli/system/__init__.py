"""`botticelli doctor`, `services`, `settings` and `completion`: this installation, and what it runs on."""
