"""The programs of a stack, one module each; every one makes a :class:`glue.stack.part.Part`."""
