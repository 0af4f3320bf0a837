"""What was given up, and its way back: dead letters, kept records, batches of streams."""
