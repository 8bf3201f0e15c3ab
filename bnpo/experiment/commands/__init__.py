"""The commands, one file for each: its options, what it does, its help.

A module imports at its top what its options need. What the work needs is imported by the function,
so that the help on all commands is there at once.
"""
