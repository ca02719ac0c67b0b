"""The console: server-rendered pages, by subject. They read the store, and write through operations."""
