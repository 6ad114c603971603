"""The steps of a case in running order, which is also their alphabetical order."""
