"""A program whose body a test gives."""

from tests.support.recording import inline

inline.get()()
