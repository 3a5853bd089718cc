"""Marks that say a picture is made by AI; what a picture must not carry."""
