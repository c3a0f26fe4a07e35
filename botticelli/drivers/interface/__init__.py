"""What a driver is: the protocol, what it may do beyond it, its options, and the tokens that a request is taken to have.

Knows no provider.
"""
