"""`python -m kgfeatures`: the command line."""

from kgfeatures.cli import main

if __name__ == "__main__":
    main()
