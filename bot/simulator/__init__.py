"""A pretend ISP: real HTTP servers on loopback for the OLT API, the HSM API and the Bot API."""
