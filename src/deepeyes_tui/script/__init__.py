"""Running a training script that knows nothing of us, and finding out what it trains."""
