"""Two networks that exchange tasks forget wrong labels, however few epochs they have."""

import pytest
from relabel.learning.selectors import select


@pytest.mark.parametrize("epochs", [4, 10])
@pytest.mark.parametrize("name", ["co_teaching", "co_teaching_vog"])
def test_what_is_kept_is_cleaner_than_what_vanilla_learns_from(noisy_digits, name, epochs):
    """Vanilla learns from all tasks, of which 40 % are wrong."""
    digits = noisy_digits(0, size=500, noise=0.4)
    options = {"epochs": epochs, "forget_rate": 0.4}
    kept = select(name, digits.data, options, seed=0).contribution == 1
    assert kept.mean() > 0.35
    assert digits.wrong[kept].mean() < 0.35 * digits.wrong.mean()


def test_forgetting_by_variance_learns_fewer_wrong_labels_than_vanilla(noisy_digits):
    """At the default 20 epochs vanilla has learnt one wrong label in five by heart."""

    digits = noisy_digits(1, size=500, noise=0.4)

    def learnt(name, options):
        believed = select(name, digits.data, options, seed=1).posteriors.probs.argmax(1)
        return (believed == digits.data.labels)[digits.wrong].mean()

    vanilla, forgetting = learnt("vanilla", {}), learnt("co_teaching_vog", {"forget_rate": 0.4})
    assert vanilla > 0.15
    assert forgetting < 0.6 * vanilla


def test_bodies_that_were_trained_before_forget_at_few_epochs_too(noisy_digits):
    digits = noisy_digits(0, size=100, noise=0.4)
    options = {"pretrain_epochs": 1, "epochs": 9, "forget_rate": 0.4, "batch_size": 50}
    selection = select("ssl_co_teaching", digits.data, options, seed=0)
    assert (selection.contribution == 1).mean() < 0.7
