"""Thousands of pictures: what is wanted, what is done, and what goes on tomorrow."""
