"""Rights: the versioned wish of what each locker may do."""
