"""shardsim: tail latency, capacity and cost of sharded machine-learning serving, by discrete-event simulation."""
