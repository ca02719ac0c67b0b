"""Pages on organizations, what was checked of them, and their documents."""
