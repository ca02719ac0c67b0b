"""Pages on the rules of issuance: as they are, as they were, and drafts of what they may become."""
