"""Figures that the papers print as text, row by row; curves have none."""

NOT_TEXT = "not published as text"

BERNHARDT_FIG3 = {
    "random": "1 (by definition)",
    "linear phi": "2.5 times fewer than random (vanilla); up to 4 (best)",
    "oracle with repeats": NOT_TEXT,
}

BERNHARDT_TABLE1 = {
    "vanilla, phi, vanilla": (64.1, 68.4),
    "vanilla, BALD, vanilla": (64.1, 68.3),
    "SSL, phi, vanilla": (64.1, 70.9),
    "SSL, phi, SSL": (78.7, 80.3),
    "vanilla, phi, SSL": (78.7, 79.4),
    "co-teaching, phi, co-teaching": (66.5, 68.8),
}
"""Selector, score, classifier -> test accuracy before and after cleaning, %."""

BERNHARDT_TABLE2 = {
    "noisy": (45.93, 46.50),
    "cleaned 10%": (49.97, 49.90),
    "cleaned 20%": (55.87, 55.28),
    "true": (69.91, 65.76),
}
"""Evaluation labels -> accuracy of M1 and M2 under instance-dependent noise, %."""

KIM_TABLE1 = {
    "random": 81.10,
    "corractive": 88.83,
    "dalc": 90.30,
    "entropy": 91.08,
    "loss_entropy": 93.64,
    "robust_update": 97.79,
}
"""Share of wrong labels among the queried ones, %: CIFAR-100, 80 % uniform, mean of 8 columns."""

KHANAL = {"ISIC 2019": "macro F1 0.767 with 3,152 labels", "NCT-CRC-LT": "0.894 with 300 labels"}
"""Reached with labels given in the text; the published code corrects kept labels for free."""
