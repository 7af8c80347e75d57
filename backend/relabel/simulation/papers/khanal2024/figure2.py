"""Fig. 2: macro F1 against expert labels, ISIC 2019."""

from relabel.simulation.papers.khanal2024.curves import DIFFERS, curve_rows
from relabel.simulation.papers.khanal2024.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.khanal2024.protocol import Noise
from relabel.simulation.papers.parts.data import TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

NOISES = (Noise(0.4, 0.0), Noise(0.5, 0.2))
PUBLISHED = "0.767 ± 0.004 (ISIC 2019)"
"""With all labels clean. The published code corrects kept labels for free."""


def figure2(job: Job) -> Outcome:
    """Macro F1 of every way, before anybody is asked and after each round."""
    return Outcome("Khanal et al. 2024, Fig. 2", curve_rows(job, NOISES, PUBLISHED))


ENTRY = Entry(
    figure2,
    title="Macro F1 against expert labels, ISIC 2019",
    published="0.767 as with clean labels: 3,152 labels at 40 % noise, 3,936 at 50 %",
    used="ISIC 2019, 17,731 images; ResNet-18, 50 epochs; 384 and 492 labels 8 times; 3 repeats",
    differs=DIFFERS,
    small=SMALL["figure 2"],
    paper=PAPER["figure 2"],
    wants=(TRAINING_SET,),
    seconds=SECONDS["figure 2"],
    lacks=("the images of ISIC 2019 (https://challenge.isic-archive.com/data), and a GPU",),
)
