"""What a person reads: pages, tables and sentences that fit the terminal."""
