"""What networks hold, to compare them to the last bit."""

from mnist_mlp.nn.network import Network


def content(network: Network) -> list[bytes]:
    """The bytes of all weights and biases."""
    return [array.tobytes() for array in network.parameters()]
