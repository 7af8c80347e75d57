"""Fig. 3: macro F1 against expert labels, long-tailed NCT-CRC-HE-100K."""

from relabel.simulation.papers.khanal2024.curves import DIFFERS, curve_rows
from relabel.simulation.papers.khanal2024.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.khanal2024.protocol import Noise
from relabel.simulation.papers.parts.data import TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

NOISES = (Noise(0.7, 1.0), Noise(0.8, 1.0))
PUBLISHED = "0.894 ± 0.12 (NCT-CRC-HE-100K)"
"""With all labels clean. The published code corrects kept labels for free."""


def figure3(job: Job) -> Outcome:
    """Macro F1 of every way, before anybody is asked and after each round."""
    return Outcome("Khanal et al. 2024, Fig. 3", curve_rows(job, NOISES, PUBLISHED))


ENTRY = Entry(
    figure3,
    title="Macro F1 against expert labels, long-tailed NCT-CRC-HE-100K",
    published="0.894 as with clean labels: 300 labels at 70 % noise, 400 at 80 %",
    used="NCT-CRC-HE-100K, 15,924 images; ResNet-18; 70 or 80 labels 8 times; 3 repeats",
    differs=DIFFERS,
    small=SMALL["figure 3"],
    paper=PAPER["figure 3"],
    wants=(TRAINING_SET,),
    seconds=SECONDS["figure 3"],
    lacks=("NCT-CRC-HE-100K (https://zenodo.org/records/1214456) and a GPU to train on it",),
)
