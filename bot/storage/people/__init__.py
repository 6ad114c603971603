"""Who the people are that the lines speak of: names and phones, which have an end, and the secret."""
