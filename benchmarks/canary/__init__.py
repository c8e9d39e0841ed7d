"""The canary: noise through every protocol and decoder, which must say nothing of it."""
