"""The parts of the embedded PostgreSQL; `kgfeatures.db.launcher` puts them together.

files     the server programs of the wheel, and their copy for an unprivileged user
account   which operating-system user runs the server
home      what lies where in $KGFEATURES_HOME, and the two locks
settings  memory, parallelism and access, derived from the machine
process   is it alive, does it answer, start it, stop it
bootstrap initdb, roles, database, extension
"""
