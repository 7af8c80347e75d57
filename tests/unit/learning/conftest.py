from noisy_digits import digit_images, digit_vectors, noisy_digits
from shapes import check_shapes

check_shapes("relabel.types", "relabel.numerics", "relabel.learning.data")

__all__ = ["digit_images", "digit_vectors", "noisy_digits"]
