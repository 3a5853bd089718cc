"""Leffa: try-on (VITON-HD, Dress Code) and pose transfer (DeepFashion)."""
