"""Table 3: how the labels of NoisyCXR come from those of RSNA and NIH."""

import numpy as np

from relabel.simulation.data.sources.noisy_cxr import (
    MAPPING,
    SEED,
    Cases,
    initial_labels,
    read_cases,
)
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome, Want
from relabel.types import BoolArray

KEY = "pneumonia-challenge-dataset-mappings_2018.json"
"""Of the files that the loader names this is the one that comes under no other name."""

PUBLISHED = {
    "NIH: pneumonia": (367, 441),
    "NIH: consolidation or infiltration": (3988, 8551),
    "NIH: other diseases only": (1101, 5567),
    "NIH: no finding": (556, 6113),
    "NoisyCXR: opacity": (3956, 1296),
    "NoisyCXR: no opacity": (2056, 19_376),
}
"""Group -> images with and without opacity by RSNA."""


def table3(job: Job) -> Outcome:
    """Images with and without opacity in each group, and the share of wrong labels."""
    cases = read_cases(job.data_dir)
    groups = groups_of(cases)
    noisy = initial_labels(cases, np.random.default_rng(SEED)).astype(bool)
    groups |= {"NoisyCXR: opacity": noisy, "NoisyCXR: no opacity": ~noisy}
    rows: list[Row] = []
    for name, mine in groups.items():
        yes, no = PUBLISHED[name]
        ours = int((mine & cases.opacity).sum()), int((mine & ~cases.opacity).sum())
        rows.append(
            {"row": name, "paper": f"{yes:,} and {no:,}", "ours": f"{ours[0]:,} and {ours[1]:,}"}
        )
    wrong = (noisy != cases.opacity).mean()
    rows.append({"row": "wrong labels", "paper": "12.6 %", "ours": f"{wrong:.2%}"})
    return Outcome("Bernhardt et al. 2022, Table 3", rows)


def groups_of(cases: Cases) -> dict[str, BoolArray]:
    """Return which (N,) images are in each group of NIH labels; each is in one."""
    named = [" ".join(labels).lower() for labels in cases.nih]
    pneumonia = np.array(["pneumonia" in text for text in named])
    unclear = np.array(["consolidation" in text or "infiltration" in text for text in named])
    nothing = np.array(["no finding" in text for text in named])
    return {
        "NIH: pneumonia": pneumonia,
        "NIH: consolidation or infiltration": unclear & ~pneumonia,
        "NIH: other diseases only": ~(pneumonia | unclear | nothing),
        "NIH: no finding": nothing & ~(pneumonia | unclear),
    }


ENTRY = Entry(
    table3,
    title="Labels of NoisyCXR by those of RSNA and NIH",
    published="26,684 images, 12.6 % wrong: 1,296 with and 2,056 without opacity",
    used="the RSNA Pneumonia Detection Challenge and the labels of NIH",
    differs="nothing; the tenth that is flipped is another draw",
    small=SMALL["table 3"],
    paper=PAPER["table 3"],
    wants=(Want("RSNA's key to the NIH images", MAPPING, (KEY,)),),
    seconds=SECONDS["table 3"],
)
