"""What is on the screen: each pane a pure function of the scene and a size, with a text twin."""
