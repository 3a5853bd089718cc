"""Reads a garment from its photo."""
