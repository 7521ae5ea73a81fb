#!/usr/bin/python3
"""Shows that other programs can read back what this package saves: every fixture is
converted by `ksparse convert` to every format that can express it, the files are read
here by a few lines of numpy, in the way their own libraries document, and the codes
and reconstructions computed with those libraries' formulas are compared with
expected.json. Where torch can be imported, sparsify's and sentence-transformers'
files also go through torch modules of their shapes, with load_state_dict(strict).

    cd pretrained/testdata && python3 readback.py
"""
import glob, json, os, struct, subprocess, sys, tempfile
import numpy as np

try:
    import torch
except ImportError:
    torch = None


def read(path):
    """A safetensors file: name -> array, and the metadata."""
    data = open(path, "rb").read()
    (n,) = struct.unpack("<Q", data[:8])
    header, out = json.loads(data[8:8 + n]), {}
    meta = header.pop("__metadata__", {})
    assert (8 + n) % 8 == 0 and data[8:9] == b"{"
    for name, t in header.items():
        lo, hi = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + lo:8 + n + hi], {"F32": "<f4", "F64": "<f8", "I64": "<i8"}[t["dtype"]]).reshape(t["shape"])
    return out, meta


def top(v, k):
    out = np.zeros_like(v)
    for i, row in enumerate(v):
        j = np.argsort(-row, kind="stable")[:k]
        out[i, j] = row[j]
    return out


def relu(v):
    return np.maximum(v, 0)


def layer_norm(x):
    mu = x.mean(1, keepdims=True)
    std = x.std(1, ddof=1, keepdims=True)
    return (x - mu) / (std + 1e-5), mu, std


def saelens(folder, x):
    """sae_lens/saes/*.py of version 6."""
    c, (t, _) = json.load(open(folder + "/cfg.json")), read(folder + "/sae_weights.safetensors")
    assert c["metadata"]["sae_lens_version"].startswith("6.")
    assert all(a.dtype == (np.float64 if c["dtype"] == "float64" else np.float32) for a in t.values())
    W = {k: v.astype(np.float64) for k, v in t.items()}
    arch, y, undo = c["architecture"], x, lambda out: out
    assert W["W_enc"].shape == (c["d_in"], c["d_sae"])
    if c["normalize_activations"] == "layer_norm":
        y, mu, std = layer_norm(x)
        undo = lambda out: out * std + mu
    elif c["normalize_activations"] == "constant_norm_rescale":
        s = np.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1, keepdims=True)
        y, undo = x * s, lambda out: out / s
    if "transcoder" in arch:
        assert not c["apply_b_dec_to_input"] and c["d_out"] == W["W_dec"].shape[1]
        undo = lambda out: out
    if c["apply_b_dec_to_input"]:
        y = y - W["b_dec"]
    if arch == "gated":
        u = y @ W["W_enc"]
        z = (u + W["b_gate"] > 0) * relu(y @ (W["W_enc"] * np.exp(W["r_mag"])) + W["b_mag"])
    else:
        p = y @ W["W_enc"] + W["b_enc"]
        if arch == "topk":
            assert not c["rescale_acts_by_decoder_norm"]
            z = relu(top(p, c["k"]))
        elif "jumprelu" in arch:
            z = relu(p) * (p > W["threshold"])
        else:
            assert arch in ("standard", "transcoder", "skip_transcoder")
            z = relu(p)
    out = undo(z @ W["W_dec"] + W["b_dec"])
    return z, out + x @ W["W_skip"].T if arch == "skip_transcoder" else out


def sparsify(folder, x):
    """sparsify/sparse_coder.py, fused_encoder.py."""
    c, (t, meta) = json.load(open(folder + "/cfg.json")), read(folder + "/sae.safetensors")
    assert not meta and all(a.dtype == np.float32 for a in t.values())
    n, d = c["num_latents"], c["d_in"]
    if torch:
        class SparseCoder(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = torch.nn.Linear(d, n)
                self.b_dec = torch.nn.Parameter(torch.zeros(d))
                if "W_dec" in t:
                    self.W_dec = torch.nn.Parameter(torch.zeros(n, d))
                if c["skip_connection"]:
                    self.W_skip = torch.nn.Parameter(torch.zeros(d, d))
        SparseCoder().load_state_dict({k: torch.tensor(v) for k, v in t.items()}, strict=True)
    W = {k: v.astype(np.float64) for k, v in t.items()}
    y = x if c["transcode"] else x - W["b_dec"]
    a = relu(y @ W["encoder.weight"].T + W["encoder.bias"])
    if c["activation"] == "topk":
        z = top(a, c["k"])
    else:
        groups = a.reshape(len(a), c["k"], n // c["k"])
        z = (groups * (groups == groups.max(2, keepdims=True))).reshape(a.shape)
    if "W_dec" not in W:
        return z, None
    out = z @ W["W_dec"] + W["b_dec"]
    return z, out + x @ W["W_skip"].T if c["skip_connection"] else out


def sentence_transformers(folder, x):
    """sentence_transformers/sparse_encoder/modules/sparse_auto_encoder.py."""
    c, (t, meta) = json.load(open(folder + "/config.json")), read(folder + "/model.safetensors")
    assert sorted(c) == ["dead_threshold", "hidden_dim", "input_dim", "k", "k_aux", "normalize"]
    assert meta == {"encoder.weight": "decoder.linear.weight"}
    state = {**t, "encoder.weight": t["decoder.linear.weight"]}
    if torch:
        class Tied(torch.nn.Module):
            def __init__(self, linear):
                super().__init__()
                self.linear = linear

        class SparseAutoEncoder(torch.nn.Module):
            def __init__(self, input_dim, hidden_dim=512, k=8, k_aux=512, normalize=False, dead_threshold=30):
                super().__init__()
                self.pre_bias = torch.nn.Parameter(torch.zeros(input_dim))
                self.encoder = torch.nn.Linear(input_dim, hidden_dim, bias=False)
                self.latent_bias = torch.nn.Parameter(torch.zeros(hidden_dim))
                self.decoder = Tied(self.encoder)
                self.register_buffer("stats_last_nonzero", torch.zeros(hidden_dim, dtype=torch.long))
        SparseAutoEncoder(**c).load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=True)
    W = {k: v.astype(np.float64) for k, v in state.items()}
    y, mu, std = layer_norm(x) if c["normalize"] else (x, 0, 1)
    z = relu(top((y - W["pre_bias"]) @ W["encoder.weight"].T + W["latent_bias"], c["k"]))
    return z, (z @ W["encoder.weight"] + W["pre_bias"]) * std + mu


def far(got, want):
    if want is None:
        return 0.0 if got is None else np.inf
    want = np.array(want)
    return np.abs(got - want).max() / max(1e-300, np.abs(want).max())


def main():
    ksparse = tempfile.mkdtemp() + "/ksparse"
    subprocess.run(["go", "build", "-o", ksparse, "."], cwd="../../cmd/ksparse", check=True)
    done, worst = {}, 0.0
    for path in sorted(glob.glob("*/expected.json") + glob.glob("more/*/expected.json")):
        fixture, want = os.path.dirname(path), json.load(open(path))
        if "model" not in want:
            continue
        flags = ["--scale", "1"] if fixture.endswith("expected_average_only_in") else []
        hook = want.get("hookpoint") or ("other" in want and want["model"]["folder"])
        flags += ["--hookpoint", hook] if hook else []
        where = fixture + ("/hub/models--acme--sae-tiny" if fixture == "hf_cache_layout" else "")
        for form, reader in ("saelens", saelens), ("sparsify", sparsify), ("sentence-transformers", sentence_transformers):
            out = tempfile.mkdtemp() + "/model"
            run = subprocess.run([ksparse, "convert", *flags, "--to", form, "-o", out, where], capture_output=True, text=True)
            if run.returncode:
                assert not os.path.exists(out), run.stderr
                continue  # the format cannot express it: TestRoundTrip knows which
            z, rebuilt = reader(out, np.array(want["input"]))
            error = max(far(z, want["code"]), far(rebuilt, want.get("reconstruction")))
            same = [np.flatnonzero(r).tolist() for r in z] == want["indices"]
            if not same or error > 1e-9:
                sys.exit(f"{fixture} as {form}: latents {'agree' if same else 'differ'}, largest relative difference {error}")
            done[form], worst = done.get(form, 0) + 1, max(worst, error)
    print(f"read back {done}, largest relative difference {worst:.2g}" + ("" if torch else ", without torch"))


main()
