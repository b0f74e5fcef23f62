"""The gateways' side of the payment protocols, for demos, training and tests.

A second implementation, with its own keys and its own signing code: it imports no app of the product, so that
one wrong idea about a protocol cannot cancel itself out. Each gateway is a folder; what they share (store, clock,
faults, delivery of notifications, pages) lies here.
"""
