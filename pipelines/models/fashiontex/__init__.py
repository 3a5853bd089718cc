"""FashionTex: a text names the garment, a patch of texture gives its look. No trained weights."""
