"""Makes logistic.json: probes that scikit-learn and scipy have fitted.

    python3 logistic.py > logistic.json

It was made with scikit-learn 1.2.1, scipy 1.10.1 and numpy 1.24.2 (Debian 12). The solver newton-cg goes on to
a tolerance of 1e-12, so the numbers are those of the minimum, whatever the way there. The objective is
checked again here, from its definition, with scipy's minimiser.
"""
import json
import warnings

import numpy as np
import scipy.optimize
import scipy.special
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")


def objective(theta, x, y, l2, classes):
    """The sum of losses and l2/2 times the squares of the weights."""
    if classes == 2:
        w, b = theta[:-1], theta[-1]
        z = x @ w + b
        return np.sum(np.logaddexp(0, np.where(y == 1, -z, z))) + l2 / 2 * np.sum(w * w)
    w, b = theta[: classes * x.shape[1]].reshape(classes, -1), theta[classes * x.shape[1] :]
    z = x @ w.T + b
    return np.sum(scipy.special.logsumexp(z, axis=1) - z[np.arange(len(y)), y]) + l2 / 2 * np.sum(w * w)


def case(rng, name, rows, cols, classes, l2, share, noise):
    x = rng.normal(size=(rows, cols)) * (rng.random((rows, cols)) < share)
    x = np.round(x * 256) / 256
    truth = rng.normal(size=(cols, classes))
    y = np.argmax(x @ truth + noise * rng.normal(size=(rows, classes)), axis=1)
    y[:classes] = np.arange(classes)
    kind = dict(penalty=None) if l2 == 0 else dict(C=1 / l2)
    m = LogisticRegression(solver="newton-cg", tol=1e-12, max_iter=100000, multi_class="auto", **kind).fit(x, y)
    w, b = m.coef_, m.intercept_
    if classes > 2:
        b = b - b.mean()
        if l2 == 0:
            w = w - w.mean(axis=0)
    theta = np.concatenate([w.ravel(), b])
    least = objective(theta, x, y, l2, classes)
    again = scipy.optimize.minimize(objective, theta + 0.1, (x, y, l2, classes), method="BFGS", options=dict(gtol=1e-7)).fun
    assert abs(least - again) < 1e-7 * least, (name, least, again)
    return dict(name=name, classes=classes, l2=l2, x=x.tolist(), labels=y.tolist(), weights=w.tolist(),
                intercepts=b.tolist(), objective=least, probabilities=m.predict_proba(x[:5]).tolist())


rng = np.random.default_rng(20)
print(json.dumps([
    case(rng, "two classes", 40, 5, 2, 1, 1, 2),
    case(rng, "three classes", 60, 4, 3, 0.3, 1, 1),
    case(rng, "five classes, few entries", 80, 30, 5, 2, 0.1, 0.5),
    case(rng, "two classes, strong penalty", 30, 20, 2, 50, 0.2, 0.1),
    case(rng, "two classes without a penalty", 60, 3, 2, 0, 1, 3),
    case(rng, "three classes without a penalty", 90, 3, 3, 0, 1, 3),
]))
