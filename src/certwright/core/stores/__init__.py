"""Files that hold certificates and keys, read from their octets."""
