"""Hardware that is not there: lock boards and scanners byte for byte, doors with physics.

Everything but `live` is sans-I/O on injected time: `now` is monotonic seconds, `advance` lets time
pass, `wake_at` says when something happens next.
"""
