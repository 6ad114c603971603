"""What a container, a monitor or another system asks over HTTP."""
