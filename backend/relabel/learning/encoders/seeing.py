"""An encoder on a device: from prepared images to vectors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from relabel.learning.encoders import jpeg
from relabel.learning.encoders.encoder import Encoder
from relabel.learning.encoders.prepare import Prepared, Source, prepare, prepared
from relabel.learning.gpu import is_gpu, sent, workplace


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch. vectors: (n, D) of n rows, on the device; failed: why others have none, by row."""

    rows: list[int]
    vectors: Tensor
    failed: dict[int, str]


@dataclass(frozen=True, slots=True)
class Seeing:
    """An encoder on a device, and how it is shown images there."""

    device: str
    encoder: Encoder
    source: Source

    @classmethod
    def on(cls, device: str, encoder: Encoder, load: Callable[[int], Image.Image]) -> "Seeing":
        """Bring an encoder to a device."""
        encoder.network.to(device)
        apart = encoder.fit is not None and jpeg.decodes(device)
        return cls(device, encoder, Source(load, encoder, apart))

    @property
    def half(self) -> bool:
        """Whether the network runs in bfloat16."""
        return self.encoder.mixed_precision and is_gpu(self.device)

    @property
    def identity(self) -> str:
        """What the vectors depend on beside the image."""
        ways = ((self.half, "bfloat16"), (self.source.jpegs_apart, jpeg.NAME))
        return "/".join([self.encoder.identity, *(name for used, name in ways if used)])

    def every(self, rows: Sequence[int], batch_size: int) -> Iterator[Seen]:
        """Yield the vectors of all rows, those of a batch once the next one is under way.

        So a GPU is at work while somebody reads what it has found.
        """
        before: Seen | None = None
        for batch in prepared(self.source, rows, batch_size):
            now = self.batch(batch)
            if before:
                yield before
            before = now
        if before:
            yield before

    def batch(self, batch: Prepared) -> Seen:
        """Return the vectors of a batch, computed or still being computed."""
        place = workplace(self.device)
        rows, failed = [*batch.shown], dict(batch.failed)
        shown = [sent(batch.pixels, place)] if rows else []
        if batch.files and self.encoder.fit:
            pictures = jpeg.decoded(batch.files, self.device)
            there, parts = jpeg.fitted(pictures, self.encoder.fit)
            rows += there
            shown += parts
            # What the device cannot read Pillow may, and if not, it says why.
            left = prepare(Source(self.source.load, self.encoder), [*batch.files.keys() - pictures])
            rows += left.shown
            shown += [sent(left.pixels, place)] if left.shown else []
            failed |= left.failed
        if not rows:
            return Seen([], torch.empty(0, 0), failed)
        kind = place.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self.half):
            vectors = self.encoder.network(torch.cat(shown).to(self.device))
            return Seen(rows, normalize(vectors.float()), failed)
