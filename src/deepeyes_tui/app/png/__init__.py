"""Pictures of a canvas as PNG, drawn without fonts or programs of the system."""

from deepeyes_tui.app.png.screen import encoded, pixels_of, png_available, png_of

__all__ = ["encoded", "pixels_of", "png_available", "png_of"]
