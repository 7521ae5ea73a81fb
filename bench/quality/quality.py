"""Trains with the trainers of a public library, and says how well it does as time goes by.

The only argument is the work, as JSON: see the type job in peer.go. The answers are lines of JSON on standard output:
what it runs on, notes on what was changed, a point of the curve at each step that is asked for, and the result.
The clock runs during the trainer's construction and its updates, and stands still during evaluations.
"""
import contextlib, dataclasses, importlib, json, math, os, signal, sys, threading, time, traceback, types, warnings

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the libraries print goes to standard error


def say(**message):
    print(json.dumps(message), file=out, flush=True)


def finite(v):
    return v if math.isfinite(v) else None  # JSON has no NaN


class StandIn(types.ModuleType):
    """A module that is not installed. Its names can be imported, but not used."""
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in(names, **contents):
    """Puts stand-ins in the places of modules that are not installed."""
    absent = []
    for name in names.split():
        try:
            importlib.import_module(name)
        except ImportError:
            absent.append(name)
            sys.modules[name] = module = StandIn(name)
            for key, value in contents.get(name.replace(".", "_"), {}).items():
                setattr(module, key, value)
    if absent:
        say(note="not installed, and not needed for training or replaced: " + ", ".join(absent))


def einsum(a, b, spec):
    """einops.einsum for two arrays where the second has all the names, in the order of the result."""
    inputs, result = (part.split() for part in spec.replace(",", " , ").split("->"))
    comma = inputs.index(",")
    first, names = inputs[:comma], inputs[comma + 1:]
    shape = [b.shape[i] if name in first else 1 for i, name in enumerate(names)]
    product = a.reshape(shape) * b
    gone = [i for i, name in enumerate(names) if name not in result]
    return product.sum(gone) if gone else product


def package(name, folder):
    """Makes a package importable without running its __init__, which imports more than is needed."""
    module = types.ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module


class DictionaryLearning:
    """TopKTrainer or BatchTopKTrainer of saprmarks/dictionary_learning."""

    def __init__(self, job, rows):
        root = os.path.join(job["snapshot"], "dictionary_learning")
        package("dictionary_learning", root)
        package("dictionary_learning.trainers", os.path.join(root, "trainers"))
        stand_in("einops nnsight wandb tqdm datasets transformers", einops={"einsum": einsum})
        module, name = {"topk": ("top_k", "TopKTrainer"), "batchtopk": ("batch_top_k", "BatchTopKTrainer")}[job["select"]]
        self.cls = getattr(importlib.import_module("dictionary_learning.trainers." + module), name)
        steps, batch = job["steps"], job["select"] == "batchtopk"
        self.options = dict(
            steps=steps, activation_dim=job["inputs"], dict_size=job["latents"], k=job["k"], lr=job["rate"],
            layer=0, lm_name="rows", device="cpu", seed=job["seed"])
        self.dead_after = None
        if job["recipe"] == "short":
            self.options.update(warmup_steps=min(1000, steps // 20), decay_start=int(.8 * steps),
                                threshold_start_step=min(1000, steps // 2))
            self.dead_after = min(10_000_000, rows)
            say(note=f"warm-up {self.options['warmup_steps']} steps instead of 1000, linear decay from step "
                     f"{self.options['decay_start']} instead of none, latents dead after {self.dead_after} rows instead of 10,000,000")
        elif steps <= 1000:
            self.options.update(warmup_steps=steps // 20)
            say(note=f"warm-up {steps // 20} steps instead of 1000, which is more than there are")
            if batch:
                self.options.update(threshold_start_step=steps // 2)
                say(note=f"the threshold is measured from step {steps // 2} instead of 1000 on")

    def start(self):
        self.trainer = self.cls(**self.options)
        if self.dead_after:
            self.trainer.dead_feature_threshold = self.dead_after
        self.rate = self.trainer.lr

    def step(self, i, x):
        self.trainer.update(i, x)

    def evaluating(self):
        return contextlib.nullcontext()

    def reconstruct(self, x):
        """The reconstruction, and which latents are not zero. BatchTopK goes by its threshold once it has one."""
        ae = self.trainer.ae
        z = ae.encode(x, use_threshold="Batch" in type(ae).__name__ and bool(ae.threshold >= 0))
        return ae.decode(z), z != 0

    def atoms(self):
        return self.trainer.ae.decoder.weight.T


class ScheduleFree:
    """The schedule-free form of an optimizer (Defazio et al. 2024, arXiv:2405.15682), as the package schedulefree has it in
    ScheduleFreeWrapper. The parameters are y while training: y = (1-momentum)·z + momentum·x. The optimizer moves z, and x, the
    mean of all z, is what training gives. x is computed from y, because the trainer may have changed y since the last step."""

    def __init__(self, base, momentum):
        self.base, self.momentum, self.steps = base, momentum, 0
        self.parameters = [p for group in base.param_groups for p in group["params"]]
        self.z = [p.detach().clone() for p in self.parameters]

    def average(self, y, z):
        return y.lerp(z, 1 - 1 / self.momentum)

    def step(self):
        self.steps += 1
        with torch.no_grad():
            averages = [self.average(p, z) for p, z in zip(self.parameters, self.z)]
            for p, z in zip(self.parameters, self.z):
                p.copy_(z)
            self.base.step()
            for p, z, x in zip(self.parameters, self.z, averages):
                z.copy_(p)
                p.copy_(x.lerp_(z, 1 / self.steps).lerp_(z, 1 - self.momentum))

    def zero_grad(self):
        self.base.zero_grad(set_to_none=True)

    @contextlib.contextmanager
    def evaluating(self):
        with torch.no_grad():
            kept = [p.clone() for p in self.parameters]
            for p, z in zip(self.parameters, self.z):
                p.copy_(self.average(p, z))
            yield
            for p, y in zip(self.parameters, kept):
                p.copy_(y)


class Sparsify:
    """SparseCoder of EleutherAI/sparsify, with the losses, optimizers and schedules of its Trainer, which itself needs a
    language model. The fields are those of its TrainConfig."""

    def __init__(self, job, rows):
        os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
        root = os.path.join(job["snapshot"], "sparsify")
        package("sparsify", root)
        fields = lambda *values: dataclasses.field(default_factory=lambda: list(values))
        stand_in("einops natsort simple_parsing huggingface_hub safetensors safetensors.torch accelerate accelerate.utils transformers",
                 einops={"einsum": einsum}, simple_parsing={"Serializable": object, "list_field": fields})
        if not torch.cuda.is_available():
            warnings.filterwarnings("ignore", "User provided device_type of 'cuda'")
            # Without a GPU autocast is off whatever this returns. torch 1.13 fails inside of it, and where it returns False.
            torch.cuda.is_bf16_supported = lambda: True
        load = lambda name: importlib.import_module("sparsify." + name)
        config, self.coder, self.sign = load("config"), load("sparse_coder").SparseCoder, load("sign_sgd").SignSGD
        self.cfg = config.TrainConfig(sae=config.SparseCoderConfig(num_latents=job["latents"], k=job["k"]),
                                      lr=job["rate"], optimizer=job["optimizer"])
        self.job, self.warmup = job, self.cfg.lr_warmup_steps
        if self.cfg.optimizer == "adam" and (job["recipe"] == "short" or self.warmup >= job["steps"]):
            self.warmup = min(1000, job["steps"] // 20)
            say(note=f"warm-up {self.warmup} steps instead of {self.cfg.lr_warmup_steps}")
        say(note="Trainer.fit is written again for rows, with the decoder that it has for machines without Triton"
                 + (", and with its ScheduleFreeWrapper written again" if self.cfg.optimizer == "signum" else ""))

    def start(self):
        torch.manual_seed(self.job["seed"])
        self.sae = self.coder(self.job["inputs"], self.cfg.sae, "cpu", dtype=torch.float32)
        width = (self.sae.num_latents / 2**14) ** .5
        parameters = list(self.sae.parameters())
        if self.cfg.optimizer == "signum":
            self.rate = self.cfg.lr or 5e-3 / width
            self.optimizer = ScheduleFree(self.sign(parameters, lr=self.rate), momentum=0.95)
            self.schedule = None
        else:
            self.rate = self.cfg.lr or 2e-4 / width
            self.optimizer = torch.optim.Adam(parameters, lr=self.rate)
            steps, warmup = self.job["steps"], self.warmup
            self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda i: i / max(1, warmup) if i < warmup else
                                                              max(0, (steps - i) / max(1, steps - warmup)))
        self.since_fired = torch.zeros(self.sae.num_latents, dtype=torch.long)

    def step(self, i, x):
        cfg, sae = self.cfg, self.sae
        if i == 0:
            sae.b_dec.data = x.mean(0)
        if cfg.sae.normalize_decoder:
            sae.set_decoder_norm_to_unit_norm()
        o = sae(x=x, y=x, dead_mask=self.since_fired > cfg.dead_feature_threshold if cfg.auxk_alpha > 0 else None)
        (o.fvu + cfg.auxk_alpha * o.auxk_loss + o.multi_topk_fvu / 8).backward()
        if cfg.sae.normalize_decoder:
            sae.remove_gradient_parallel_to_decoder_directions()
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.schedule:
            self.schedule.step()
        self.since_fired += len(x)
        self.since_fired[o.latent_indices.flatten()] = 0

    def evaluating(self):
        return self.optimizer.evaluating() if self.schedule is None else contextlib.nullcontext()

    def reconstruct(self, x):
        values, latents, pre = self.sae.encode(x)
        return self.sae.decode(values, latents), torch.zeros_like(pre).scatter_(1, latents, values) != 0

    def atoms(self):
        return self.sae.W_dec


def fvu(peer, held, mean):
    error = total = 0.
    for x in held.split(2048):
        error += (peer.reconstruct(x)[0] - x).pow(2).sum(dtype=torch.float64).item()
        total += (x - mean).pow(2).sum(dtype=torch.float64).item()
    return error / total


def result(peer, job, train, held, mean):
    """What there is to say at the end."""
    active, fired = 0, torch.zeros(job["latents"], dtype=torch.bool)
    for x in held.split(2048):
        active += peer.reconstruct(x)[1].sum().item()
    for x in train.split(2048):
        fired |= peer.reconstruct(x)[1].any(0)
    if job["atoms"]:
        peer.atoms().detach().numpy().astype("<f4").tofile(job["atoms"])
    return dict(l0=active / len(held), dead=1 - fired.double().mean().item(), rate=peer.rate)


def run(job):
    torch.set_num_threads(job["threads"])
    train, held = (torch.from_numpy(np.fromfile(job[name], "<f4").reshape(-1, job["inputs"])) for name in ("train", "held"))
    scale = train.pow(2).sum(1, dtype=torch.float64).mean().sqrt().item()
    train /= scale
    held /= scale
    mean = train.mean(0, dtype=torch.float64).float()
    peer = {"dictionary_learning": DictionaryLearning, "sparsify": Sparsify}[job["library"]](job, len(train))
    generator = torch.Generator().manual_seed(job["seed"])
    order, at, batch = torch.randperm(len(train), generator=generator), 0, min(job["batch"], len(train))
    begin, seconds, points = time.perf_counter(), 0., set(job["at"])
    peer.start()
    for i in range(job["steps"]):
        if at + batch > len(order):
            order, at = torch.randperm(len(train), generator=generator), 0
        peer.step(i, train[order[at:at + batch]])
        at += batch
        if i + 1 in points:
            seconds += time.perf_counter() - begin
            with torch.no_grad(), peer.evaluating():
                say(point=dict(step=i + 1, seconds=seconds, fvu=finite(fvu(peer, held, mean))))
            begin = time.perf_counter()
    with torch.no_grad(), peer.evaluating():
        say(done=result(peer, job, train, held, mean))


def blas():
    """The library that PyTorch's products run in, by the memory map; empty where nothing tells."""
    try:
        with open("/proc/self/maps") as maps:
            names = {line.split()[-1].rsplit("/", 1)[-1] for line in maps if "blas" in line or "mkl" in line}
    except OSError:
        return ""
    return " ".join(sorted({n for n in names if "openblas" in n} or names))


def end_with_parent():
    sys.stdin.read()
    os._exit(1)


signal.signal(signal.SIGINT, signal.SIG_DFL)
threading.Thread(target=end_with_parent, daemon=True).start()
try:
    import numpy as np, torch
    say(ready=dict(python=sys.version.split()[0], numpy=np.__version__, torch=torch.__version__, blas=blas()))
    if len(sys.argv) > 1:
        run(json.loads(sys.argv[1]))
except Exception as e:
    traceback.print_exc()
    say(error=f"{type(e).__name__}: {e}")
