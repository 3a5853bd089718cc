"""The safety filter: networks that judge a picture, what is done about it, the report."""
