"""The embedded preview try-on: a weight-free garment warp (fit, then composite)."""
