"""The command line, `python -m fitting_room`: one file a command."""
