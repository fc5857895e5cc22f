"""Telling customers' servers what happened. Empty until webhooks are built."""
