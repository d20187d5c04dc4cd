"""One file a command. ``common`` holds what they share; ``cli.py`` registers them."""
