"""The only place that speaks SQL: every statement stands above the one function that runs it."""
