"""The page on this installation: its settings, what it is made of, how it does."""
