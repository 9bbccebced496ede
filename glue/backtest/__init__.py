"""What limits would have done, and which to set."""
