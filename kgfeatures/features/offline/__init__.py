"""Point-in-time joins over PostgreSQL: labels in, one row of features per label out.

tables says what is joined, labels what it is joined to; plans chooses how, statements is the
SQL, matching the same join in numpy, history does it. Nothing here knows Feast.
"""
