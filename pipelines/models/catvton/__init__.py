"""CatVTON: the garment stands beside the person in one picture; with a mask, or without."""
