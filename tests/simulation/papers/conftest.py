import hashlib
import io
import json

import numpy as np
import pytest

K, D = 10, 12


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A folder with small files of the published layout: ten blurred classes, people who err."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(K, D)) * 1.5

    def samples(n):
        labels = rng.permutation(np.arange(n) % K)
        return middles[labels] + rng.normal(size=(n, D)), labels

    vectors, labels = samples(400)
    sure = np.where(rng.random(400) < 0.9, 0.97, 0.5)
    shares = np.full((400, K), ((1 - sure) / (K - 1))[:, None])
    shares[np.arange(400), labels] = sure
    np.savez(
        folder / "cifar10h_test.npz",
        counts=np.stack([rng.multinomial(50, row) for row in shares]),
        x=rng.integers(0, 256, (400, 32, 32, 3), dtype=np.uint8),
        y=labels,
        features=vectors.astype(np.float16),
    )
    vectors, labels = samples(1500)
    scale = np.full(D, np.abs(vectors).max() / 127, dtype=np.float32)
    packed = (vectors / scale).round().astype(np.int8)
    np.savez(folder / "cifar10_train_features.npz", features_int8=packed, scale=scale)
    np.savez(folder / "cifar10_train_jpeg.npz", y=labels)
    chest_x_rays(folder)
    return folder


def chest_x_rays(folder):
    """Write the three files of NoisyCXR for eight patients, two in each group of NIH labels."""
    groups = ["Pneumonia", "Infiltration", "Hernia", "No Finding"]
    patients = [(f"p{n}", groups[n // 2], n % 2) for n in range(8)]
    boxes = "".join(f"{name},{opacity}\n" for name, _, opacity in patients)
    (folder / "stage_2_train_labels.csv").write_text("patientId,Target\n" + boxes)
    keys = [{"subset_img_id": name, "orig_labels": [label]} for name, label, _ in patients]
    mapping = folder / "pneumonia-challenge-dataset-mappings_2018.json"
    mapping.write_text(json.dumps(keys))
    readers = "".join(f"{name},Low Prob\n" for name, _, opacity in patients if opacity)
    (folder / "RSNA_pneumonia_all_probs.csv").write_text("patientId,labelName\n" + readers)


@pytest.fixture
def data_dir(small_data, monkeypatch):
    """The same folder, taken for the published one."""
    with np.load(small_data / "cifar10h_test.npz") as saved:
        content = io.BytesIO()
        np.save(content, saved["counts"].astype(np.int64))
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    monkeypatch.setattr("relabel.simulation.data.sources.arrays.CIFAR10H_COUNTS", digest)
    return small_data
