"""Tools on maps (height, width) that everyone uses."""
