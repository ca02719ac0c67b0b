"""Sources that look for certificates: where they are, and what is said with them."""
