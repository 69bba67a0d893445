"""The OCPP frame: sockets, framing, validation, translation and the group commit.

Nothing in this package imports a model or another app. What stations say reaches the rest of the
project as the neutral messages of `messages`, through the handlers registered with
`dispatch.answers`; what we ask of stations are the commands of `messages`, delivered by `delivery`.
"""
