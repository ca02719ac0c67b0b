"""Which authorities of others have a list that works: about their certificates nobody else need be asked."""

WITHOUT_LIST = """NOT EXISTS (
  SELECT 1 FROM "outside_list" l WHERE l."issuer_id" = "outside_answer"."issuer_id"
  AND l."failing_since" IS NULL AND (l."next_update" IS NULL OR l."next_update" >= ?)
)"""
"""SQL for rows of `outside_answer` that count at a moment, its parameter: the authority has no list, or each
of its lists cannot be had or is past its time. One that nobody has looked at yet may work."""
