"""What is believed of one task, by hand: Bayes' rule, one factor after the other."""

CLASSES = ("cat", "dog", "bird")


def by_hand(prior, given, votes, *, old=0.2, trained=0.2, people=0.05):
    """Return the probability of each class.

    prior: the model's posterior of the given label; votes: of people, by class; old, trained,
    people: error rates of old labels, of those that the model was taught, and of people.
    """
    classes = len(CLASSES)
    q = {}
    for name in CLASSES:
        clean = (prior[name] - trained / (classes - 1)) / (1 - trained - trained / (classes - 1))
        q[name] = min(max(clean, 1e-4), 1)
    total = sum(q.values())
    clean = {name: value / total for name, value in q.items()}
    for name in CLASSES:
        q[name] = clean[name] * (1 - old if given == name else old / (classes - 1))
        for vote in votes:
            # A quarter of people's errors go where the model's would.
            elsewhere = 0.75 / (classes - 1) + 0.25 * clean[vote] / (1 - clean[name])
            q[name] *= 1 - people if vote == name else min(people * elsewhere, 1 - people)
    total = sum(q.values())
    return {name: value / total for name, value in q.items()}
