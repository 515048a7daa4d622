"""Inside the training process: layers, instances, statistics, budget, publishing. Never imports textual."""
