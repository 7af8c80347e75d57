from wiring import connected, context, fake, store_template

__all__ = ["connected", "context", "fake", "store_template"]
