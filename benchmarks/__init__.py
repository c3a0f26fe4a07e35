"""Speed, as ratios against a named baseline of the same run. Not part of the installed package."""
