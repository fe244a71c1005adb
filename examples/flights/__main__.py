"""``python -m examples.flights``: the command of `command.py`, which ends quietly when it is interrupted."""

import sys

if __name__ == "__main__":
    try:
        from examples.flights.command import main

        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped. A load that was not done has left nothing behind.", file=sys.stderr)
        sys.exit(130)
