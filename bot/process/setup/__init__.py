"""`python -m bot setup`: one question at a time, each answer tried at once and then kept in `.env`."""
