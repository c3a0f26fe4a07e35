"""The benchmark of rows: checked, copied and answered."""
