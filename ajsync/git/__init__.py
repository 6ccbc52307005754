"""Which commit the files come from, and who applies them: from git, and from the variables of build machines.

It is never an error if that is not known: there may be no git, no repository and no commit.
"""
