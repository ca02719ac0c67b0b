"""The rules of the house, each with a test, and for each a test that the rule's own test can fail."""
