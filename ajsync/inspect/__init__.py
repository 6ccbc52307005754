"""Looking at schedules and at what became of them: next fires, timeline, history, rules, state of the streams.

Values in, values out: nothing here prints, and time enters as an argument.
"""
