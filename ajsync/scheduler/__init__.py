"""The elected loop that creates tasks when they fall due, and the monitor that shows how it does."""
