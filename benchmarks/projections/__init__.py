"""What `benchmarks/embedding.py` measures: data, jobs that run in processes of their own, lines of the table."""
