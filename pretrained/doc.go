// Package pretrained opens the sparse autoencoders that other libraries have
// trained, says what it found, checks them, and writes them back.
//
//	m, err := pretrained.Open("path/to/model", pretrained.Options{})
//	fmt.Println(m.Info.Format, m.Info.Architecture, m.Info.K)
//	findings, err := m.Check(rows) // does it do what it says, on these rows?
//	codes, err := m.Encode(rows)
//	err = m.SaveAs("converted", pretrained.SAELens, pretrained.SaveOptions{})
//
// # What is read
//
//	SAELens                2 to 6: standard, topk, jumprelu, gated; transcoder, skip_transcoder,
//	                       jumprelu_transcoder; training checkpoints of batchtopk and matryoshka_batchtopk
//	sparsify               since June 2024: topk, groupmax, signed; transcoders, skip connections, encoders alone
//	sentence-transformers  SparseAutoEncoder modules (CSR), 5 and 6, safetensors or pytorch_model.bin
//	OpenAI                 sparse_autoencoder: TopK, ReLU, Identity, tied or not, since 2023
//	dictionary_learning    AutoEncoder, AutoEncoderNew, AutoEncoderTopK, BatchTopKSAE,
//	                       MatryoshkaBatchTopKSAE, JumpReluAutoEncoder, GatedAutoEncoder; interrupted runs
//	BatchTopK              and matryoshka_sae: vanilla, topk, batchtopk, global-matryoshka-topk, jumprelu
//	Gemma Scope            params.npz
//	ksparse                our own: see Native, the network files of SaveFile, checkpoints
//
// in safetensors, in the zip and the older files of torch.save, and in .npz, of
// float64, float32, float16 or bfloat16. The format is recognised by what the files
// hold. Save writes SAELens, sparsify, sentence-transformers and our own.
//
// # What is refused
//
// Anything that is not understood exactly, with an error that names the field or
// tensor: an unknown architecture, activation or normalisation, a tensor that the
// model should not have, sizes that contradict each other, weights that are NaN, a k for a
// model that is ReLU, two configurations that describe the model and differ. (Where one of
// two alone is called config.json or cfg.json it counts, and Info.Notes name the other.)
//
// A field of a configuration that no reader knows is refused where the configuration
// describes the model and nothing else: sparsify, sentence-transformers, SAELens 6 and our
// own. The others (SAELens before 6, dictionary_learning, BatchTopK) hold all settings of a
// training, which nobody can list: there such a field is a warning in Info.Notes. The fields
// that are known to change no result are listed in Info.Ignored (see fields.go).
//
// What a file leaves open the caller must say in Options: k where the configuration has
// none, which is never assumed; the threshold of a model that selects by one and never
// learned it; the scale of rows where the file says only that there is one. This is so for our
// own files, too. Such an error is an
// OptionError. Another field that is absent has the default of the project, which is then
// said in Info.Notes. No file can tell from which layer, site and tokens its rows
// came: Check, on rows of your own, finds what does not fit. It judges by the rows that are
// neither zero nor outlying, each once.
//
// # Rows
//
// A row is one activation vector, as it comes out of the model that is studied. The
// network does to it what the file asks for (normalisation, subtraction of a bias) and
// undoes that at the end, except for transcoders. The layouts are those of the projects'
// own code. The tests have files of each format, with values that were computed by the
// project's formulas, and the faults that users reported of other loaders.
package pretrained
