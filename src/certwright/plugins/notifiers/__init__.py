"""Ways by which notices reach people."""
