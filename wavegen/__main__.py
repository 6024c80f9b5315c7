"""`python -m wavegen`: the command line."""

from .cli import main

main(prog_name="wavegen")
