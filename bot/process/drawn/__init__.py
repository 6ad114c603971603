"""Pictures of drawings, made beside the program."""
