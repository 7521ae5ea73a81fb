"""The peers that ksparse is measured against, in one process that stays up.

It reads commands on standard input, one a line, and answers each with one line
of JSON on standard output: {"seconds": [...]}, the time of each step after a
warm-up, or {"error": "..."}. The first line, before any command, says what is
running: {"ready": {"python": ..., "numpy": ..., "torch": ..., "blas": ...}}.

  train dense D N K BATCH SECONDS    a step of a TopK autoencoder in PyTorch, float32
  train sparse D N K BATCH SECONDS   the same without a dense code
  encode D N K BATCH SECONDS         linear and topk in PyTorch, float32
  original D N K BATCH SECONDS       a step of the sigmoid network in numpy, float64
  gemm64 M D N SECONDS               (M x D) times (N x D) transposed, numpy, float64
  gemm32 M D N SECONDS               the same in float32
  forget                             drop what the commands so far have built

Each takes steps for SECONDS, and at least three. What a command built is kept,
so that the next turn of the same command goes on with a warm model.

Both trainers have the model that ksparse.New makes, with ReLU: k of N latents,
untied weights, a bias on each side, squared error, Adam with rate 1e-4. PyTorch
libraries for sparse autoencoders do two things more, which ksparse.New does
not, so they are off unless asked for:

  --pre-bias    subtract the decoder's bias from the input of the encoder
  --unit-norm   scale every decoder row to length 1 after each step

  python3 peer.py THREADS [--pre-bias] [--unit-norm]

Needs Debian's python3-torch and libopenblas0-pthread. Without torch the numpy
commands still answer.
"""
import json
import platform
import sys
import time

import numpy as np

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None

PRE_BIAS = "--pre-bias" in sys.argv
UNIT_NORM = "--unit-norm" in sys.argv
RATE = 1e-4
BATCHES = 4  # that a training goes over again and again


class SparseEncoder(object if torch is None else torch.autograd.Function):
    """Pre-activations and topk; backward adds up k rows a sample.

    Autograd would build a dense gradient of samples by latents here. This form
    touches only what was selected, at the price of one row of inputs for each
    selected entry in memory.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, k):
        values, indices = torch.topk(F.relu(F.linear(x, weight, bias)), k, dim=1, sorted=False)
        ctx.save_for_backward(x, weight, values, indices)
        return values, indices

    @staticmethod
    def backward(ctx, grad, _):
        x, weight, values, indices = ctx.saved_tensors
        grad = grad * (values > 0)  # the slope of ReLU, where k reached zeros
        where = indices.reshape(-1)
        rows = (grad.unsqueeze(2) * x.unsqueeze(1)).reshape(-1, x.shape[1])
        grad_weight = torch.zeros_like(weight).index_add_(0, where, rows)
        grad_bias = weight.new_zeros(weight.shape[0]).index_add_(0, where, grad.reshape(-1))
        return None, grad_weight, grad_bias, None


def autoencoder(d, n):
    """Weights drawn as ksparse.New draws them; a row per latent on both sides."""
    encoder = (torch.rand(n, d) * 2 - 1) * (6 / d) ** 0.5
    decoder = (torch.rand(n, d) * 2 - 1) * (6 / (n + d)) ** 0.5
    if UNIT_NORM:
        decoder = F.normalize(decoder, dim=1)
    return encoder, torch.zeros(n), decoder, torch.zeros(d)


def train(form, d, n, k, batch):
    parameters = [p.requires_grad_(True) for p in autoencoder(d, n)]
    w_enc, b_enc, w_dec, b_dec = parameters
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    data = [torch.randn(batch, d) for _ in range(BATCHES)]
    turn = 0

    def dense(x):
        z = F.relu(F.linear(x, w_enc, b_enc))
        values, indices = torch.topk(z, k, dim=1, sorted=False)
        return torch.zeros_like(z).scatter(1, indices, values) @ w_dec

    def sparse(x):
        values, indices = SparseEncoder.apply(x, w_enc, b_enc, k)
        return F.embedding_bag(indices, w_dec, per_sample_weights=values, mode="sum")

    model = {"dense": dense, "sparse": sparse}[form]

    def step():
        nonlocal turn
        x = data[turn % BATCHES]
        turn += 1
        centred = x
        if PRE_BIAS:
            # The sparse form gives its input no gradient, as public code has it.
            centred = x - (b_dec if form == "dense" else b_dec.detach())
        loss = (model(centred) + b_dec - x).pow(2).sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if UNIT_NORM:
            with torch.no_grad():
                w_dec.div_(w_dec.norm(dim=1, keepdim=True))

    return step


def encode(d, n, k, batch):
    """ReLU after topk, on k values a row: the same codes for less work."""
    w_enc, b_enc, _, b_dec = autoencoder(d, n)
    x = torch.randn(batch, d)

    def step():
        with torch.no_grad():
            values, _ = torch.topk(F.linear(x - b_dec if PRE_BIAS else x, w_enc, b_enc), k, dim=1, sorted=False)
            values.relu_()

    return step


def original(d, n, k, batch):
    """The 2013 idea as plain numpy: every product dense, the mask a matrix."""
    rng = np.random.default_rng(0)
    w1, b1 = rng.normal(0, d**-0.5, (d, n)), np.zeros(n)
    w2, b2 = rng.normal(0, n**-0.5, (n, d)), np.zeros(d)
    data = [rng.random((batch, d)) for _ in range(BATCHES)]
    rows = np.arange(batch)[:, np.newaxis]
    turn = 0

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def step():
        nonlocal turn, w1, b1, w2, b2
        x = data[turn % BATCHES]
        turn += 1
        z = sigmoid(x.dot(w1) + b1)
        mask = np.zeros_like(z, dtype=bool)
        mask[rows, np.argpartition(z, -k, axis=1)[:, -k:]] = True
        code = z * mask.astype(float)
        out = sigmoid(code.dot(w2) + b2)

        delta2 = 2 / batch * (out - x) * out * (1 - out)
        delta1 = delta2.dot(w2.T) * mask.astype(float) * z * (1 - z)
        w2 -= 0.01 * code.T.dot(delta2)
        b2 -= 0.01 * delta2.sum(axis=0)
        w1 -= 0.01 * x.T.dot(delta1)
        b1 -= 0.01 * delta1.sum(axis=0)

    return step


def product(dtype, m, d, n):
    rng = np.random.default_rng(0)
    a, b = rng.random((m, d)).astype(dtype), rng.random((n, d)).astype(dtype)
    c = np.empty((m, n), dtype)
    return lambda: np.matmul(a, b.T, out=c)


BUILD = {
    "train": lambda form, *sizes: train(form, *map(int, sizes)),
    "encode": lambda *sizes: encode(*map(int, sizes)),
    "original": lambda *sizes: original(*map(int, sizes)),
    "gemm64": lambda *sizes: product(np.float64, *map(int, sizes)),
    "gemm32": lambda *sizes: product(np.float32, *map(int, sizes)),
}


def measure(step, seconds):
    step()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return times


def blas():
    """The BLAS library that is mapped into this process."""
    try:
        with open("/proc/self/maps") as maps:
            names = {line.split()[-1].rsplit("/", 1)[-1] for line in maps if "blas" in line}
    except OSError:
        return ""
    # Debian's libblas.so.3 may be only a door to the library that does the work.
    return " ".join(sorted({n for n in names if "openblas" in n} or names))


def main():
    if torch is not None:
        torch.set_num_threads(int(sys.argv[1]))
        torch.manual_seed(0)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__ if torch else "", "blas": blas()}
    print(json.dumps({"ready": versions}), flush=True)
    built = {}
    for line in sys.stdin:
        words = line.split()
        try:
            if words[0] == "forget":
                built.clear()
                answer = {"seconds": []}
            else:
                work = tuple(words[:-1])
                if torch is None and words[0] in ("train", "encode"):
                    raise RuntimeError("python3-torch is not installed")
                if work not in built:
                    built[work] = BUILD[work[0]](*work[1:])
                answer = {"seconds": measure(built[work], float(words[-1]))}
        except Exception as e:  # of whatever kind: the other side prints it
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
