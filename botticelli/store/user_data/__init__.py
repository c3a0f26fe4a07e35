"""What narratives remember and generate: state, content tables, and the tables that they may read."""
