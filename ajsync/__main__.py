"""`python -m ajsync` is the command `ajsync`."""

from ajsync.cli.main import main

main()
