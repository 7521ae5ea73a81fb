#!/usr/bin/python3
"""Makes the folders in more: models in the corners of each format that the folders beside
them leave out, with codes and reconstructions computed here in float64 from the
stored weights, by each project's own formulas. Needs numpy and torch.

    cd pretrained/testdata && python3 more.py
"""
import collections, json, os, shutil, struct
import numpy as np, torch

rng = np.random.default_rng(7)
D, N, ROWS = 6, 16, 5


def f32(*shape, scale=1.0):
    """Numbers that bfloat16 and float16 hold too: few bits."""
    return (np.round(rng.normal(size=shape) * 16) / 16 * scale).astype(np.float32)


def relu(v):
    return np.maximum(v, 0)


def top(v, k, by=None):
    by = v if by is None else by
    out = np.zeros_like(v)
    for i, row in enumerate(by):
        j = np.argsort(-row, kind="stable")[:k]
        out[i, j] = v[i, j]
    return out


def layer_norm(x):
    mu = x.mean(1, keepdims=True)
    std = x.std(1, ddof=1, keepdims=True)
    return (x - mu) / (std + 1e-5), mu, std


def safetensors(path, tensors, metadata=None):
    """tensors: name -> numpy array, or (dtype name, array) to convert."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, t in tensors.items():
        kind, a = t if isinstance(t, tuple) else ({"f4": "F32", "f8": "F64", "f2": "F16", "i8": "I64"}[t.dtype.str[1:]], t)
        raw = (np.ascontiguousarray(a.astype(np.float32)).view(np.uint32) >> 16).astype(np.uint16).tobytes() if kind == "BF16" else np.ascontiguousarray(a).tobytes()
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def folder(name):
    name = "more/" + name
    shutil.rmtree(name, ignore_errors=True)
    os.makedirs(name)
    return name


def write(path, value):
    with open(path, "w") as f:
        json.dump(value, f)


def expect(name, model, x, code, out, **more):
    write(name + "/expected.json", {
        "format": name, "model": model, "input": x.tolist(), "code": code.tolist(),
        "indices": [np.flatnonzero(r).tolist() for r in code], "reconstruction": None if out is None else out.tolist(), **more})


def rows(d=D):
    return f32(ROWS, d, scale=2.0).astype(np.float64)


def w64(*arrays):
    return [a.astype(np.float64) for a in arrays]


def dictlearn(name, cls, **trainer):
    write(name + "/config.json", {"trainer": {"dict_class": cls, "activation_dim": D, "dict_size": N, "lm_name": "pythia", "max_norm": float("inf"), **trainer}, "buffer": {}})


def model(kind, k=None, subtract=True, **more):
    return {"kind": kind, "d_in": D, "latents": N, "k": k, "normalize": "none", "subtract_b_dec": subtract, "tied": False, "skip": False, **more}


# dictionary_learning -----------------------------------------------------------------
n = folder("dictlearn_autoencoder_new")
We, be, Wd, bd, x = f32(N, D), f32(N), f32(D, N), f32(D), rows()
torch.save({"encoder.weight": torch.tensor(We), "encoder.bias": torch.tensor(be), "decoder.weight": torch.tensor(Wd), "decoder.bias": torch.tensor(bd)}, n + "/ae.pt")
dictlearn(n, "AutoEncoderNew")
E, b, Dw, c = w64(We, be, Wd, bd)
z = relu(x @ E.T + b)
expect(n, model("relu", subtract=False), x, z, z @ Dw.T + c)

n = folder("dictlearn_matroyshka_2024")
We, be, Wd, bd, x = f32(D, N), f32(N), f32(N, D), f32(D), rows()
torch.save(collections.OrderedDict([("W_enc", torch.tensor(We.T.copy()).T), ("b_enc", torch.tensor(be)), ("W_dec", torch.tensor(Wd)), ("b_dec", torch.tensor(bd)),
    ("k", torch.tensor(3)), ("threshold", torch.tensor(1.25)), ("group_sizes", torch.tensor([4, 12]))]), n + "/ae.pt")
dictlearn(n, "MatroyshkaBatchTopKSAE", k=3)
E, b, Dw, c = w64(We, be, Wd, bd)
a = relu((x - c) @ E + b)
z = a * (a > 1.25)
expect(n, model("batchtopk", 3, group_sizes=[4, 12], threshold=1.25), x, z, z @ Dw + c)

n = folder("dictlearn_checkpoints")
os.makedirs(n + "/checkpoints")
for step in 1000, 2000:
    We, be, Wd, bd, x = f32(N, D), f32(N), f32(D, N), f32(D), rows()
    torch.save({"b_dec": torch.tensor(bd), "k": torch.tensor(4, dtype=torch.int32), "threshold": torch.tensor(-1.0), "decoder.weight": torch.tensor(Wd),
        "encoder.weight": torch.tensor(We), "encoder.bias": torch.tensor(be)}, n + f"/checkpoints/ae_{step}.pt")
dictlearn(n, "AutoEncoderTopK", k=4)
E, b, Dw, c = w64(We, be, Wd, bd)
z = top(relu((x - c) @ E.T + b), 4)
expect(n, model("topk", 4), x, z, z @ Dw.T + c, hookpoint="checkpoints/ae_2000.pt")

n = folder("dictlearn_gated_backup")
Wg, rm, gb, mb, Wd, bd, x = f32(N, D), f32(N, scale=.25), f32(N), f32(N), f32(D, N), f32(D), rows()
torch.save({"step": 7, "ae": {"decoder_bias": torch.tensor(bd), "r_mag": torch.tensor(rm), "gate_bias": torch.tensor(gb), "mag_bias": torch.tensor(mb),
    "encoder.weight": torch.tensor(Wg), "decoder.weight": torch.tensor(Wd)}, "optimizer": {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}]},
    "config": {"dtype": torch.float32}, "norm_factor": torch.tensor(1.5)}, n + "/ae.pt")
dictlearn(n, "GatedAutoEncoder")
E, r, g, m, Dw, c = w64(Wg, rm, gb, mb, Wd, bd)
u = (x - 1.5 * c) @ E.T
z = (u + 1.5 * g > 0) * relu(u * np.exp(r) + 1.5 * m)
expect(n, model("gated"), x, z, z @ Dw.T + 1.5 * c)

n = folder("dictlearn_topk_bf16")
We, be, Wd, bd, x = f32(N, D), f32(N), f32(D, N), f32(D), rows()
half = lambda a: torch.tensor(a).to(torch.bfloat16)
torch.save({"b_dec": half(bd), "k": torch.tensor(4), "decoder.weight": half(Wd), "encoder.weight": half(We), "encoder.bias": half(be)}, n + "/ae.pt")
dictlearn(n, "AutoEncoderTopK", k=4)
E, b, Dw, c = [half(a).double().numpy() for a in (We, be, Wd, bd)]
z = top(relu((x - c) @ E.T + b), 4)
expect(n, model("topk", 4), x, z, z @ Dw.T + c)

# OpenAI ------------------------------------------------------------------------------
for tied in False, True:
    n = folder("openai_topk_identity" + ("_tied" if tied else ""))
    We, be, Wd, bd, x = f32(N, D), f32(N), f32(D, N), f32(D), rows()
    W = torch.tensor(We)
    state = {"pre_bias": torch.tensor(bd), "latent_bias": torch.tensor(be), "encoder.weight": W, "stats_last_nonzero": torch.zeros(N, dtype=torch.int64),
        "activation": "TopK", "activation_state_dict": collections.OrderedDict([("k", torch.tensor(9)), ("postact_fn", "Identity")])}
    state["decoder.linear.weight" if tied else "decoder.weight"] = W if tied else torch.tensor(Wd)
    torch.save(state, n + "/autoencoder.pt", _use_new_zipfile_serialization=tied)
    E, b, Dw, c = w64(We, be, We.T if tied else Wd, bd)
    y, mu, std = layer_norm(x)
    z = top((y - c) @ E.T + b, 9)
    expect(n, model("topk", 9, tied=tied), x, z, (z @ Dw.T + c) * std + mu)

n = folder("openai_identity")
We, be, Wd, bd, x = f32(N, D), f32(N), f32(D, N), f32(D), rows()
torch.save({"pre_bias": torch.tensor(bd), "latent_bias": torch.tensor(be), "encoder.weight": torch.tensor(We), "decoder.weight": torch.tensor(Wd),
    "activation": "Identity", "activation_state_dict": {}}, n + "/autoencoder.pt")
E, b, Dw, c = w64(We, be, Wd, bd)
z = (x - c) @ E.T + b
expect(n, model("identity"), x, z, z @ Dw.T + c)

# BatchTopK, matryoshka_sae -----------------------------------------------------------
for kind in "vanilla", "batchtopk":
    n = folder("batchtopk_repo_" + kind)
    We, be, Wd, bd, x = f32(D, N), f32(N), f32(N, D), f32(D), rows()
    state = {"b_dec": torch.tensor(bd), "b_enc": torch.tensor(be), "W_enc": torch.tensor(We), "W_dec": torch.tensor(Wd)}
    if kind == "batchtopk":
        state["threshold"] = torch.tensor(0.75)
    torch.save(state, n + "/sae.pt")
    write(n + "/config.json", {"sae_type": kind, "act_size": D, "dict_size": N, "top_k": 3, "dtype": "torch.float32"})
    E, b, Dw, c = w64(We, be, Wd, bd)
    a = relu((x - c) @ E + (b if kind == "vanilla" else 0))
    z = a * (a > 0.75) if kind == "batchtopk" else a
    expect(n, model(kind, None if kind == "vanilla" else 3, threshold=0.75), x, z, z @ Dw + c)

# SAELens -----------------------------------------------------------------------------
def saelens(name, cfg, tensors):
    v6 = {"d_in": D, "d_sae": N, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": True, "normalize_activations": "none",
        "reshape_activations": "none", "metadata": {"sae_lens_version": "6.20.1", "model_name": "gpt2", "hook_name": "h"}}
    cfg = {k: v for k, v in {**v6, **cfg}.items() if v != "absent"}
    write(name + "/cfg.json", cfg)
    safetensors(name + "/sae_weights.safetensors", tensors)

for arch in "transcoder", "skip_transcoder":
    n = folder("saelens_" + arch)
    We, be, Wd, bd, Ws, x = f32(D, N), f32(N), f32(N, 4), f32(4), f32(4, D), rows()
    t = {"W_enc": We, "b_enc": be, "W_dec": Wd, "b_dec": bd}
    E, b, Dw, c, S = w64(We, be, Wd, bd, Ws)
    z = relu(x @ E + b)
    out = z @ Dw + c
    if arch == "skip_transcoder":
        t["W_skip"] = Ws
        out = out + x @ S.T
    saelens(n, {"architecture": arch, "apply_b_dec_to_input": False, "d_out": 4}, t)
    expect(n, model("relu", subtract=False, skip=arch == "skip_transcoder"), x, z, out)

n = folder("saelens_matryoshka_checkpoint")
We, be, Wd, bd, x = f32(D, N), f32(N), f32(N, D), f32(D), rows()
saelens(n, {"architecture": "matryoshka_batchtopk", "k": 2.5, "rescale_acts_by_decoder_norm": False, "matryoshka_widths": [4, 16]},
    {"W_enc": We, "b_enc": be, "W_dec": Wd, "b_dec": bd, "topk_threshold": np.array(1.3, np.float64)})
E, b, Dw, c = w64(We, be, Wd, bd)
p = (x - c) @ E + b
z = relu(p) * (p > 1.3)
expect(n, model("jumprelu", 2.5), x, z, z @ Dw + c)

n = folder("saelens_topk_rescale_zero_row")
We, be, Wd, bd, x = f32(D, N), f32(N), f32(N, D), f32(D), rows()
Wd[3] = 0
saelens(n, {"architecture": "topk", "k": 4, "rescale_acts_by_decoder_norm": True}, {"W_enc": We, "b_enc": be, "W_dec": Wd, "b_dec": bd})
E, b, Dw, c = w64(We, be, Wd, bd)
norm = np.linalg.norm(Dw, axis=1)
z = relu(top(((x - c) @ E + b) * norm, 4))
expect(n, model("topk", 4), x, z, (z / np.maximum(norm, 1e-8)) @ Dw + c)

n = folder("saelens_gated_v5")
We, bg, bm, rm, Wd, bd, x = f32(D, N), f32(N), f32(N), f32(N, scale=.25), f32(N, D), f32(D), rows()
saelens(n, {"architecture": "gated", "metadata": "absent", "reshape_activations": "absent", "normalize_activations": None, "sae_lens_version": "5.4.1",
    "activation_fn_str": "relu", "activation_fn_kwargs": None, "hook_name": "blocks.1.attn.hook_z"},
    {"W_enc": We, "W_dec": Wd, "b_dec": bd[None, :], "b_gate": bg, "b_mag": bm, "r_mag": rm})
E, g, m, r, Dw, c = w64(We, bg, bm, rm, Wd, bd)
u = x - c
z = (u @ E + g > 0) * relu(u @ (E * np.exp(r)) + m)
expect(n, model("gated"), x, z, z @ Dw + c)

n = folder("saelens_jumprelu_layer_norm_f64")
We, be, th, Wd, bd, x = *w64(f32(D, N), f32(N)), np.abs(rng.normal(size=N)), *w64(f32(N, D), f32(D)), rows()
saelens(n, {"architecture": "jumprelu", "normalize_activations": "layer_norm", "dtype": "torch.float64"}, {"W_enc": We, "b_enc": be, "threshold": th, "W_dec": Wd, "b_dec": bd})
y, mu, std = layer_norm(x)
p = (y - bd) @ We + be
z = relu(p) * (p > th)
expect(n, model("jumprelu"), x, z, (z @ Wd + bd) * std + mu)

n = folder("saelens_standard_f16")
We, be, Wd, bd, x = f32(D, N), f32(N), f32(N, D), f32(D), rows()
saelens(n, {"architecture": "standard", "dtype": "float16"}, {k: v.astype(np.float16) for k, v in {"W_enc": We, "b_enc": be, "W_dec": Wd, "b_dec": bd}.items()})
E, b, Dw, c = w64(*[a.astype(np.float16) for a in (We, be, Wd, bd)])
z = relu((x - c) @ E + b)
expect(n, model("relu"), x, z, z @ Dw + c)

# sparsify ----------------------------------------------------------------------------
n = folder("sparsify_seeds")
write(n + "/config.json", {"sae": {"expansion_factor": 32, "k": 32}, "model": "pythia", "hookpoints": ["layers.3.mlp"]})
for seed in 0, 1:
    at = n + f"/layers.3.mlp/seed{seed}"
    os.makedirs(at)
    We, be, Wd, bd, x = f32(N, D), f32(N), f32(N, D), f32(D), rows()
    safetensors(at + "/sae.safetensors", {"encoder.weight": We.astype(np.float64), "encoder.bias": be.astype(np.float64), "W_dec": Wd.astype(np.float64), "b_dec": bd.astype(np.float64)})
    write(at + "/cfg.json", {"expansion_factor": 2, "normalize_decoder": True, "num_latents": N, "k": 3, "multi_topk": False, "skip_connection": False, "d_in": D})
E, b, Dw, c = w64(We, be, Wd, bd)
z = top(relu((x - c) @ E.T + b), 3)
expect(n, model("topk", 3), x, z, z @ Dw + c, hookpoint="layers.3.mlp/seed1")

# sentence-transformers ---------------------------------------------------------------
n = folder("csr_defaults_normalize")
We, be, bd, x = f32(512, D), f32(512), f32(D), rows()
safetensors(n + "/model.safetensors", {"encoder.weight": ("BF16", We), "latent_bias": ("BF16", be), "pre_bias": ("BF16", bd)})
write(n + "/config.json", {"input_dim": D, "normalize": True})
bf = lambda a: half(a).double().numpy()
E, b, c = (np.ascontiguousarray((np.ascontiguousarray(a).view(np.uint32) >> 16 << 16)).view(np.float32).astype(np.float64) for a in (We, be, bd))
y, mu, std = layer_norm(x)
z = relu(top((y - c) @ E.T + b, 8))
expect(n, {**model("topk", 8, tied=True), "latents": 512}, x, z, (z @ E + c) * std + mu)

# Gemma Scope -------------------------------------------------------------------------
n = folder("gemma_embedding")
at = n + "/embedding/width_4k/average_l0_6"
os.makedirs(at)
We, be, th, Wd, bd, x = f32(D, N), f32(N), np.abs(f32(N)), f32(N, D), f32(D), rows()
np.savez_compressed(at + "/params.npz", w_enc=np.asfortranarray(We), b_enc=be, threshold=th, w_dec=Wd, b_dec=bd)
E, b, t, Dw, c = w64(We, be, th, Wd, bd)
p = x @ (E / np.sqrt(D)) + b
z = relu(p) * (p > t)
expect(n, model("jumprelu", subtract=False), x, z, z @ (Dw * np.sqrt(D)) + c)

# Files that must be refused: refuse_test.go has a word of each error ---------------------
shutil.rmtree("more_bad", ignore_errors=True)


def bad(name, state, config=None):
    os.makedirs("more_bad/" + name)
    torch.save(state, f"more_bad/{name}/weights.pt")
    if config:
        write(f"more_bad/{name}/config.json", config)


def state(**more):
    W = torch.tensor(f32(N, D))
    s = {"pre_bias": torch.zeros(D), "latent_bias": torch.zeros(N), "encoder.weight": W, "decoder.weight": torch.tensor(f32(D, N)),
        "activation": "TopK", "activation_state_dict": {"k": 4, "postact_fn": "ReLU"}}
    s.update(more)
    return {k: v for k, v in s.items() if v is not None}


bad("openai_activation", state(activation="JumpReLU"))
bad("openai_activation_number", state(activation=3))
bad("openai_postact", state(activation_state_dict={"k": 4, "postact_fn": "Tanh"}))
bad("openai_no_k", state(activation_state_dict={"postact_fn": "ReLU"}))
bad("openai_k_large", state(activation_state_dict={"k": N + 1, "postact_fn": "ReLU"}))
bad("openai_k_vector", state(activation_state_dict={"k": torch.tensor([1, 2]), "postact_fn": "ReLU"}))
bad("openai_k_fraction", state(activation_state_dict={"k": torch.tensor(2.5), "postact_fn": "ReLU"}))
bad("openai_relu_with_k", state(activation="ReLU"))
bad("openai_state_list", state(activation_state_dict=[1]))
bad("openai_state_keys", state(activation_state_dict={1: 2}))
bad("openai_extra", state(steps=torch.zeros(3)))
bad("openai_integers", state(**{"encoder.weight": torch.ones(N, D, dtype=torch.int64)}))
bad("openai_text_for_tensor", state(pre_bias="zeros"))
bad("openai_infinite", state(pre_bias=torch.full((D,), float("inf"))))
bad("openai_tied_differ", state(**{"decoder.weight": None, "decoder.linear.weight": torch.zeros(N, D)}))
bad("tied_without_activation", state(**{"decoder.weight": None, "decoder.linear.weight": torch.zeros(N, D), "activation": None, "activation_state_dict": None}))
bad("no_config", {"encoder.weight": torch.zeros(N, D), "encoder.bias": torch.zeros(N)})


def matryoshka(**more):
    s = {"W_enc": torch.tensor(f32(D, N)), "b_enc": torch.zeros(N), "W_dec": torch.tensor(f32(N, D)), "b_dec": torch.zeros(D), "k": torch.tensor(3),
        "threshold": torch.tensor(1.0), "group_sizes": torch.tensor([4, 12])}
    s.update(more)
    return {k: v for k, v in s.items() if v is not None}


trainer = {"trainer": {"dict_class": "MatryoshkaBatchTopKSAE", "activation_dim": D, "dict_size": N, "k": 3}}
bad("groups_sum", matryoshka(group_sizes=torch.tensor([4, 4])), trainer)
bad("groups_zero", matryoshka(group_sizes=torch.tensor([16, 0])), trainer)
bad("groups_matrix", matryoshka(group_sizes=torch.ones(2, 2, dtype=torch.int64)), trainer)
bad("threshold_missing", matryoshka(threshold=None), trainer)
bad("k_large", matryoshka(k=torch.tensor(17)), {"trainer": {**trainer["trainer"], "k": None}})
bad("k_negative", matryoshka(k=torch.tensor(-1)), trainer)
bad("backup_without_factor", {"ae": matryoshka(), "step": 3}, trainer)
bad("backup_factor_zero", {"ae": matryoshka(), "step": 3, "norm_factor": 0.0}, trainer)
bad("class_unknown", matryoshka(), {"trainer": {"dict_class": "IdentityDict"}})
bad("class_missing", matryoshka(), {"trainer": {"k": 3}})
bad("trainer_list", matryoshka(), {"trainer": [1]})
bad("sae_type_unknown", matryoshka(), {"sae_type": "crosscoder", "act_size": D, "dict_size": N, "top_k": 3})
bad("sparsify_in_torch", {"encoder.weight": torch.zeros(N, D)}, {"d_in": D, "k": 3})
