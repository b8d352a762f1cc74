"""What keeps a life from being lived."""


class LifeError(Exception):
    """The file of a life can't be used; the message names it, what is wrong and the fix."""


class NoEngineError(Exception):
    """There is no Pulumi engine on this machine; the message says where to get one."""
