"""The ledger in files and in memory, its verification, and the JSON views for people and scripts."""
