"""How good a try-on is, in figures: beside the true photo, of many pictures, and without both."""
