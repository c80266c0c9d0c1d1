"""What the desk remembers: the event journal, the database and the records of its decisions."""
