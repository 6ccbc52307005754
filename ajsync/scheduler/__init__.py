"""The elected loop that creates the tasks when they fall due, and what shows how it does."""
