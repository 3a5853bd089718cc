"""SCHP human parsing (Li et al., Self-Correction for Human Parsing, 2019), ATR and LIP networks."""
