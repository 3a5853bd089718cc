"""FASHN VTON v1.5: maskless try-on in pixels, free for shops (Apache-2.0)."""
