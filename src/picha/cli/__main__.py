"""Runs the command line as `python -m picha.cli`."""

from picha.cli import main

if __name__ == "__main__":
    main()
