"""What can go wrong with getting a program."""


class InstallFailed(Exception):
    """Something that is needed cannot be had; the text says what, why and what to do."""
