"""OOTDiffusion: try-on for half-body (hd) and full-body photos (dc)."""
