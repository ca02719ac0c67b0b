"""What is looked for and what was seen: scopes, runs, and the networks on a map."""
