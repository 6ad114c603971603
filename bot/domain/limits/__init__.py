"""What holds a message back: cooldown, hours, silence, a plan that has grown."""
