"""Which model is better on one's own pictures: runs, measures, and the protocol beside them."""
