"""One file a model family: `ENTRIES`, its variants in the order in which they are listed."""
