"""What the processor remembers: windows of summaries, and the store that keeps them through a crash."""
