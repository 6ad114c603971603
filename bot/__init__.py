"""Chat-ops bot between an OLT manager, a NOC on Telegram and customers on WhatsApp."""

__version__ = "0.1.0"
