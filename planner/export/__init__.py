"""A story as a file: seven formats, each made from the same ``Book``.

Invariant: the same story gives the same bytes, whenever and however often it is exported; every date is the story's own.
"""
