"""Pages on endpoints: who enrols where, and what to tell a client."""
