"""What can be installed: data."""
