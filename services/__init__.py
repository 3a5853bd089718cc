"""One request and one result for every backend; no ComfyUI here."""
