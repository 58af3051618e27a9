"""Known wrong versions of the exercises on attention and transformers, and hints for each."""
