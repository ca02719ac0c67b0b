"""Pages on the audit log: find, prove, verify, take away."""
