"""What the diffusion models share."""
