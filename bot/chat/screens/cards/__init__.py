"""A case's card, part by part; `card.py` puts them together."""
