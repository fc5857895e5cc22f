"""What the platforms' specifications say of the calls that we make: facts in tables of our own, one file a platform.

`checking` holds every request of every test against them; test_agreement.py holds them against the specifications
themselves, where copies of those are at hand.
"""
