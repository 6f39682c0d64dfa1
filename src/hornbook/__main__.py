"""The program, as ``python -m hornbook`` begins it."""

from hornbook.cli import start

if __name__ == "__main__":
    start()
