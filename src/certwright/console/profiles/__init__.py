"""Pages on profiles: what kinds of certificates there are."""
