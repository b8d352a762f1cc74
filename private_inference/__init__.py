"""Everything behind the command `private-inference`."""
