"""Telling customers' servers what happened: events, who is told of them, and how each of it went."""
