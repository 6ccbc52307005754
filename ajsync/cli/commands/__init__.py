"""The commands, each in a module of its name, and how they are called."""

COMMANDS = {
    "init": "Write ajsync.yaml and a first schedules file.",
    "validate": "Check the files, without a server.",
    "lint": "Find schedules that are valid but probably wrong.",
    "fmt": "Order and indent the files, and keep their comments.",
    "plan": "Show how the files differ from the bucket.",
    "apply": "Make the bucket equal to the files.",
    "comment": "Show a plan on the pull request of this job.",
    "list": "List the schedules in the bucket.",
    "view": "Show one schedule of the bucket.",
    "log": "Show who applied what, when and from which commit.",
    "next": "Show when schedules fire next.",
    "timeline": "Show how many fires are due when.",
    "status": "Show whether the work of schedules succeeds, and what to do.",
    "tail": "Show fires and outcomes as they happen.",
    "history": "Show what became of the fires of a schedule.",
    "info": "Show the stores, who leads, and the backlog of each queue.",
    "run": "Make one task of a schedule now.",
    "backfill": "Make the tasks of past due instants that are missing.",
    "add": "Add one schedule to the bucket.",
    "delete": "Delete one schedule from the bucket.",
    "pause": "Stop schedules from firing, until a time or until they are resumed.",
    "resume": "Let paused schedules fire again.",
    "export": "Write the schedules of the bucket as YAML.",
    "scheduler": "Make tasks of what is due, while elected among several.",
    "dev": "Run a NATS server to try things out.",
    "completion": "Print the script that lets a shell complete commands and names.",
    "task": "The same commands in the spelling of 'ajc'.",
}
"""The short help of each command, so that `ajsync --help` imports none of them."""

CRON_ALIASES = {"a": "add", "new": "add", "v": "view", "show": "view", "rm": "delete", "del": "delete", "ls": "list"}
"""Further names that `ajc` has for its commands for schedules."""

COMPLETE_VARIABLE = "_AJSYNC_COMPLETE"
"""The environment variable with which a shell's script asks what could come next."""
