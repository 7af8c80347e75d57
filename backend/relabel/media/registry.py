"""Every medium by name."""

from relabel.media.image.medium import IMAGE
from relabel.media.medium import Medium

MEDIA: dict[str, Medium] = {"image": IMAGE}

MEDIUM = MEDIA["image"]
"""What all projects show: the only one so far. A second is chosen by the tag of a config."""
