"""Yahoo's open_nsfw network in plain torch, with its weights."""
