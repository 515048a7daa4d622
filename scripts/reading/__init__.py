"""What DeepEyes reads off its MNIST network (section 4.6), as figures."""
