#!/usr/bin/env python3
"""Writes pytorch_training.json: what PyTorch computes, in float64, for optimizers,
learning-rate schedules and whole small trainings. The tests of package train, and
train_test.go, compare with it.

    /usr/bin/python3 testdata/pytorch_training.py > testdata/pytorch_training.json

Made with torch 1.13. Weights are [in][out] for both kinds of layer.

A training compared after 20 steps is only a fair test where no selection hangs on
the last bit. So the script stops if any top-k selection, or any ReLU, was decided
by less than GAP, and if the order of the samples, which is all that two correct
programs may differ in, moves a parameter by more than SPREAD of the largest one.
"""
import json
import math
import random
import sys
import warnings

import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler as lrs

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
warnings.filterwarnings("ignore", message="The epoch parameter")  # SequentialLR's own doing
GAP, SPREAD = 1e-6, 1e-12

OPTIMIZERS = {
    "SGD": torch.optim.SGD, "RMSProp": torch.optim.RMSprop, "AdaGrad": torch.optim.Adagrad,
    "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW,
}


def make_optimizer(params, kind, rate, settings):
    """settings has the names of the Go fields."""
    s = dict(settings)
    kw = {"lr": rate}
    for go, torch_name in (("Momentum", "momentum"), ("Nesterov", "nesterov"), ("Decay", "alpha"),
                           ("Epsilon", "eps"), ("WeightDecay", "weight_decay")):
        if go in s:
            kw[torch_name] = s.pop(go)
    if "Beta1" in s:
        kw["betas"] = (s.pop("Beta1"), s.pop("Beta2"))
    assert not s, s
    return OPTIMIZERS[kind](params, **kw)


# Optimizers: five parameters, six steps, the same gradients for all. Entries that
# are zero at first, later, or always.

START = [0.5, -1.25, 2.0, 0.0, -0.03]
GRADIENTS = [
    [0.1, -2.0, 0.0, 0.0, 1e-3],
    [0.3, 1.0, 0.0, 0.0, -2e-3],
    [-0.2, 0.0, 4.0, 0.0, 5e-4],
    [0.05, -0.5, -1.0, 0.0, 0.0],
    [0.0, 3.0, 0.25, 0.0, 1e-6],
    [1.5, 0.7, -0.125, 0.0, -30.0],
]

OPTIMIZER_CASES = [
    ("SGD", 0.01, {}), ("SGD", 0.7, {}),
    ("SGD", 0.01, {"Momentum": 0.9}), ("SGD", 0.2, {"Momentum": 0.5}),
    ("SGD", 0.01, {"Momentum": 0.9, "Nesterov": True}), ("SGD", 0.2, {"Momentum": 0.5, "Nesterov": True}),
    ("RMSProp", 0.001, {}), ("RMSProp", 0.05, {"Decay": 0.7, "Epsilon": 1e-3}),
    ("AdaGrad", 0.01, {}), ("AdaGrad", 0.3, {"Epsilon": 1e-2}),
    ("Adam", 0.001, {}), ("Adam", 0.1, {"Beta1": 0.6, "Beta2": 0.95, "Epsilon": 1e-4}),
    ("AdamW", 0.001, {}), ("AdamW", 0.1, {"Beta1": 0.6, "Beta2": 0.95, "Epsilon": 1e-4, "WeightDecay": 0.25}),
]


def optimizer_cases():
    for kind, rate, settings in OPTIMIZER_CASES:
        w = torch.nn.Parameter(torch.tensor(START))
        opt = make_optimizer([w], kind, rate, settings)
        want = []
        for g in GRADIENTS:
            w.grad = torch.tensor(g)
            opt.step()
            want.append(w.tolist())
        yield {"Kind": kind, "Rate": rate, "Settings": settings, "Start": START, "Gradients": GRADIENTS, "Want": want}


# Schedules: the factor at each of so many steps.

def warmup(opt, steps):
    return lrs.LinearLR(opt, start_factor=1 / steps, end_factor=1.0, total_iters=steps - 1)


SCHEDULES = {  # kind -> scheduler of an optimizer, settings, steps in all
    "StepDecay": lambda o, s, n: lrs.StepLR(o, s["Every"], s.get("Gamma", 0.1)),
    "ExponentialDecay": lambda o, s, n: lrs.ExponentialLR(o, s.get("Gamma", 0.999)),
    "CosineDecay": lambda o, s, n: lrs.CosineAnnealingLR(o, T_max=n, eta_min=o.defaults["lr"] * s.get("End", 0.0)),
    # Flat for Start·n steps, then a straight line.
    "LinearDecay": lambda o, s, n: lrs.SequentialLR(o, [
        lrs.ConstantLR(o, factor=1.0, total_iters=n),
        lrs.LinearLR(o, start_factor=1.0, end_factor=s.get("End", 0.0), total_iters=n - round(s["Start"] * n)),
    ], milestones=[round(s["Start"] * n)]) if s.get("Start") else
    lrs.LinearLR(o, start_factor=1.0, end_factor=s.get("End", 0.0), total_iters=n),
}

SCHEDULE_CASES = [  # kind, settings, steps in all, steps of warm-up
    ("StepDecay", {"Every": 7}, 30, 0), ("StepDecay", {"Every": 1, "Gamma": 0.5}, 12, 0),
    ("ExponentialDecay", {}, 30, 0), ("ExponentialDecay", {"Gamma": 0.8}, 30, 0),
    ("CosineDecay", {}, 40, 0), ("CosineDecay", {"End": 0.1}, 17, 0), ("CosineDecay", {}, 1, 0),
    ("LinearDecay", {}, 40, 0), ("LinearDecay", {"End": 0.2}, 25, 0), ("LinearDecay", {"Start": 0.75, "End": 0.1}, 20, 0),
    ("ConstantRate", {}, 20, 8),
    ("StepDecay", {"Every": 3, "Gamma": 0.5}, 20, 8), ("ExponentialDecay", {"Gamma": 0.9}, 20, 8),
    ("CosineDecay", {}, 20, 8), ("LinearDecay", {"End": 0.3}, 20, 8),
]


def schedule_cases():
    for kind, settings, steps, warm in SCHEDULE_CASES:
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        # ChainedScheduler multiplies what its schedulers say.
        parts = [warmup(opt, warm)] if warm else []
        if kind != "ConstantRate":
            parts.append(SCHEDULES[kind](opt, settings, steps))
        scheduler = parts[0] if len(parts) == 1 else lrs.ChainedScheduler(parts)
        want = []
        for _ in range(steps):
            want.append(opt.param_groups[0]["lr"])
            opt.step()
            scheduler.step()
        yield {"Kind": kind, "Settings": settings, "Steps": steps, "Warmup": warm, "Want": want}


# Whole trainings, the full batch a step.

ACTIVATIONS = {"linear": lambda z: z, "sigmoid": torch.sigmoid, "relu": torch.relu, "tanh": torch.tanh}


def squared_error(out, y):
    return ((out - y) ** 2).sum(1).mean()


def binary_cross_entropy(out, y):
    return F.binary_cross_entropy(out, y, reduction="none").sum(1).mean()


def softmax_cross_entropy(out, y):
    return -(y * F.log_softmax(out, 1)).sum(1).mean()


LOSSES = {f.__name__: f for f in (squared_error, binary_cross_entropy, softmax_cross_entropy)}


def forward(layers, params, x, gaps):
    for layer, (w, b) in zip(layers, params):
        z = x @ w + b
        x = ACTIVATIONS[layer["Activation"]](z)
        if layer["Activation"] == "relu":
            gaps.append(z.detach().abs().min().item())
        if layer["Kind"] == "sparse" and layer["K"] < layer["Out"]:
            k = layer["K"]
            top = x.detach().sort(1, descending=True).values
            # Zeros of a ReLU may be selected or not: nothing depends on it.
            close = (top[:, k - 1] - top[:, k])[top[:, k - 1] > 0]
            if layer["Activation"] != "relu":
                close = top[:, k - 1] - top[:, k]
            gaps.append(close.min().item())
            mask = torch.zeros_like(x).scatter(1, x.topk(k, 1).indices, 1.0)
            x = x * mask
    return x


def train(case, order):
    x, y = torch.tensor(case["X"])[order], torch.tensor(case["Y"])[order]
    params = [(torch.nn.Parameter(torch.tensor(w)), torch.nn.Parameter(torch.tensor(b)))
              for w, b in zip(case["StartWeights"], case["StartBiases"])]
    every = [p for pair in params for p in pair]
    opt = make_optimizer(every, case["Optimizer"], case["Rate"], case["Settings"])
    scheduler = None
    if case.get("Schedule"):
        scheduler = SCHEDULES[case["Schedule"]](opt, case["ScheduleSettings"], case["Steps"])
    losses, gaps, clipped, norms = [], [], 0, []
    for _ in range(case["Steps"]):
        opt.zero_grad()
        loss = LOSSES[case["Loss"]](forward(case["Layers"], params, x, gaps), y)
        losses.append(loss.item())
        penalty = sum(case["L1"] * w.abs().sum() + case["L2"] / 2 * (w ** 2).sum() for w, _ in params)
        (loss + penalty).backward()
        if case["ClipNorm"]:
            # clip_grad_norm_ divides by norm + 1e-6; the bound given to it undoes that,
            # so that the norm it leaves is ClipNorm.
            norm = math.sqrt(sum((p.grad ** 2).sum().item() for p in every))
            norms.append(norm)
            clipped += norm > case["ClipNorm"]
            torch.nn.utils.clip_grad_norm_(every, case["ClipNorm"] * (norm + 1e-6) / norm)
        opt.step()
        if scheduler:
            scheduler.step()
    if case["ClipNorm"]:
        assert 3 <= clipped <= case["Steps"] - 3, (case["Name"], norms)
    assert min(gaps) > GAP, (case["Name"], min(gaps))
    return losses, [(w.detach(), b.detach()) for w, b in params]


def sparse(i, o, k, act):
    return {"Kind": "sparse", "In": i, "Out": o, "K": k, "Activation": act}


def linear(i, o, act):
    return {"Kind": "linear", "In": i, "Out": o, "K": 0, "Activation": act}


AUTOENCODER = [sparse(12, 20, 4, "relu"), linear(20, 12, "linear")]
CLASSIFIER = [sparse(12, 20, 6, "tanh"), sparse(20, 16, 5, "relu"), linear(16, 3, "linear")]

TRAININGS = [  # name, layers, loss, optimizer, rate, settings, further fields
    ("adam", AUTOENCODER, "squared_error", "Adam", 0.01, {}, {}),
    ("nesterov", AUTOENCODER, "squared_error", "SGD", 0.01, {"Momentum": 0.9, "Nesterov": True}, {}),
    ("adamw with L1 and L2", AUTOENCODER, "squared_error", "AdamW", 0.02, {"WeightDecay": 0.1}, {"L1": 0.02, "L2": 0.3}),
    ("momentum, clipped", AUTOENCODER, "squared_error", "SGD", 0.03, {"Momentum": 0.8}, {"L2": 0.05, "ClipNorm": 1.3}),
    ("sigmoids, rmsprop, cosine", [sparse(12, 20, 7, "sigmoid"), linear(20, 12, "sigmoid")], "binary_cross_entropy",
     "RMSProp", 0.02, {"Decay": 0.9}, {"Schedule": "CosineDecay", "ScheduleSettings": {"End": 0.1}}),
    ("classifier, adam, linear decay", CLASSIFIER, "softmax_cross_entropy", "Adam", 0.02, {"Beta1": 0.8, "Beta2": 0.99},
     {"Schedule": "LinearDecay", "ScheduleSettings": {"Start": 0.5}}),
    ("classifier, adagrad, L1, clipped", CLASSIFIER, "softmax_cross_entropy", "AdaGrad", 0.05, {}, {"L1": 0.001, "ClipNorm": 0.18}),
]


def draw(rng, rows, cols, scale):
    return [[rng.uniform(-scale, scale) for _ in range(cols)] for _ in range(rows)]


def training_cases():
    for number, (name, layers, loss, kind, rate, settings, more) in enumerate(TRAININGS):
        rng = random.Random(100 + number)
        rows = 24
        x = draw(rng, rows, 12, 1.0)
        if loss == "squared_error":
            y = x
        elif loss == "binary_cross_entropy":
            x = y = [[(v + 1) / 2 for v in row] for row in x]
        else:
            y = [[float(j == max(range(3), key=row[:3].__getitem__)) for j in range(3)] for row in x]
        case = {"Name": name, "Layers": layers, "Loss": loss, "Optimizer": kind, "Rate": rate, "Settings": settings,
                "L1": 0.0, "L2": 0.0, "ClipNorm": 0.0, "Steps": 20, "X": x, "Y": y,
                "StartWeights": [draw(rng, l["In"], l["Out"], math.sqrt(3 / l["In"])) for l in layers],
                "StartBiases": [draw(rng, 1, l["Out"], 0.1)[0] for l in layers]}
        case.update(more)
        losses, params = train(case, list(range(rows)))
        worst = 0.0
        for seed in range(4):
            order = list(range(rows))
            random.Random(seed).shuffle(order)
            _, other = train(case, order)
            for (w, b), (v, c) in zip(params, other):
                for p, q in ((w, v), (b, c)):
                    worst = max(worst, ((p - q).abs().max() / p.abs().max()).item())
        assert worst < SPREAD, (name, worst)
        print(f"{name}: the order of the samples moves a parameter by {worst:.1e}", file=sys.stderr)
        case["WantLosses"] = losses
        case["WantWeights"] = [w.tolist() for w, _ in params]
        case["WantBiases"] = [b.tolist() for _, b in params]
        yield case


json.dump({"Optimizers": list(optimizer_cases()), "Schedules": list(schedule_cases()),
           "Trainings": list(training_cases())}, sys.stdout, separators=(",", ":"))
print()
