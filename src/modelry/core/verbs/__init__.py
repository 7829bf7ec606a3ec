"""What a caller can do, one file per noun or verb: look, decide, write, record one event."""
