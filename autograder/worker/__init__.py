"""The untrusted side: everything that reads, analyses or runs student code, and its jail."""
