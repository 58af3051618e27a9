"""What comes out: documents, their store, and text for terminals."""
