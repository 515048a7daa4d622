"""Caffe's LeNet on real MNIST digits, watched through the public interface alone."""
