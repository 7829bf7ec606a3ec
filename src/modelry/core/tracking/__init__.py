"""What happens before a version: experiments, their runs, and what a run logs."""
