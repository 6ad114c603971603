"""What happened, in numbers: what pictures and pages show."""
