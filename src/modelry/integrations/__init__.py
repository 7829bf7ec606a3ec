"""Plug-ins for other tools: they find us by their own entry points, and we speak their language."""
