"""A plain Python library: try-on pipelines that know nothing of ComfyUI."""
