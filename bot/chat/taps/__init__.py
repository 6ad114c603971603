"""What people press and type: it is checked, decided and answered."""
