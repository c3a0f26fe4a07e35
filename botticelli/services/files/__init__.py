"""What the services keep on the disk: where everything lies, who holds which lock, and whether there is room."""
