"""``python -m glue.cli``: the same as ``tonypi``."""

from glue.cli import main

main()
