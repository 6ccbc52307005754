"""What commands compute to show: lint, timeline, history, and the state of the streams.

Nothing here prints, and time enters as an argument.
"""
