"""What the project decides: topics, limits, rules, episodes. Values in, values out; no I/O."""
