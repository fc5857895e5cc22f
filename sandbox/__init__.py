"""The outside world: the social platforms as their own references describe them, over real HTTP."""
