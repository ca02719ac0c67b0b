"""Pages on requests for certificates that wait for people, and on who decides in whose place."""
