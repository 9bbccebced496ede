"""Robots that are not there: they send what a TonyPi sends, and answer its commands.

``scenarios`` says how quantities move with time, ``robot`` holds one robot's state, ``payloads``
turns both into messages, ``commands`` answers; all four are pure. ``fleet`` is the loop that sends.
"""
