"""Certificates on pages: the list of all, and each alone."""
