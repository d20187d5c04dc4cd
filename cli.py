"""The ``fabula`` command: registers the commands of planner/commands, nothing else."""
