"""Jobs turned into messages: pure, but for reading the templates once."""

from notifyd.content.render import Renderer

__all__ = ["Renderer"]
