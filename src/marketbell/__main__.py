"""python -m marketbell."""

from marketbell.processes.cli.main import main

if __name__ == "__main__":
    main()
