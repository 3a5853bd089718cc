"""What a try-on model needs before it runs: body, pose, parsing and the garment mask."""
