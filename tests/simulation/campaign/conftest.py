from noisy_digits import digit_images, digit_vectors, noisy_digits

__all__ = ["digit_images", "digit_vectors", "noisy_digits"]
