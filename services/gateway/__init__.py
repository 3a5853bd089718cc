"""A gateway: ComfyUI's own API in front of several engines, with a queue that survives them."""
