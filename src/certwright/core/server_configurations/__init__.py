"""Configurations of servers, read for one thing: which file they serve which names with."""
