"""Pages on proofs of mail addresses: one's own, and everybody's for officers."""
