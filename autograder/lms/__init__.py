"""What learning platforms write and read: their tables, dates and names, in and out alike."""
