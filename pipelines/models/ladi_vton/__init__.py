"""LaDI-VTON: the garment is warped onto the body, and told to the text encoder in new words."""
