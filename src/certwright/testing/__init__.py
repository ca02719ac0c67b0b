"""Shipped for authors of plugins: one contract suite per port. pytest runs them; nothing here needs it."""
