"""What comes new: filters modelled on others, and whole layers."""
