"""Frames of a video: whom to follow, masks that stay steady, which frame to dress."""
