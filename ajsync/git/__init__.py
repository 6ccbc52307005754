"""Which commit the files come from, and who applies them: from git, and from the variables of build machines.

Not being able to tell is never an error: there may be no git, no repository and no commit.
"""
