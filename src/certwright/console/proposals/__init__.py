"""Dangerous acts that wait for a second person."""
