"""Which slices of which tensors go with some filters: the network is asked."""
