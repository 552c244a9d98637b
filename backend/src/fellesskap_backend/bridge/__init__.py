"""The parts of the bridge: the line to the broker, what is owed, and how it is said."""
