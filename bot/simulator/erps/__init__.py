"""Pretend ERPs: who the customers of the pretend ISP are, as their systems tell it."""
