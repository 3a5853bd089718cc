"""One folder a model, behind one door."""
