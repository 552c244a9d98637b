"""Cut-offs: lockers whose day is busy answer all requests at once, whoever asked first."""
