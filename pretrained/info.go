package pretrained

// Format is a library whose files are read.
type Format string

// The formats. Save writes the first four.
const (
	SAELens              Format = "saelens"
	Sparsify             Format = "sparsify"
	SentenceTransformers Format = "sentence-transformers"
	Native               Format = "ksparse"

	NetworkFile Format = "ksparse network file" // of Network.SaveFile
	Checkpoint  Format = "ksparse checkpoint"   // of a training

	OpenAI             Format = "openai"
	DictionaryLearning Format = "dictionary_learning"
	BatchTopK          Format = "batchtopk"
	GemmaScope         Format = "gemma_scope"
)

// Info says what was found in the file of a model.
type Info struct {
	Weights string `json:"weights"`          // path of the file of weights
	Config  string `json:"config,omitempty"` // path of the configuration, if there is one

	Format       Format `json:"format"`            // the library
	Version      string `json:"version,omitempty"` // of the library, where the file tells
	Architecture string `json:"architecture"`      // what the library calls it

	// The values of a row, of its code and of its reconstruction.
	Inputs  int `json:"inputs"`
	Latents int `json:"latents"`
	Outputs int `json:"outputs,omitempty"` // 0: the file has no decoder

	// K is how many latents should be active per row, 0 where the model does not go by
	// it. It need not be an integer where it is a mean over rows (BatchTopK).
	K float64 `json:"k,omitempty"`
	// Selection is what selects the active latents: a ksparse.Selection, "relu" where
	// all positive ones are, "gated", or "all".
	Selection string `json:"selection"`
	// Thresholds are the lowest and the highest of the latents' thresholds; nil where
	// there are none.
	Thresholds []float64 `json:"thresholds,omitempty"`
	// Normalization is what is done to rows first: a ksparse.Normalization.
	Normalization string `json:"normalization"`
	// PreBias says that the decoder's bias is subtracted from the rows.
	PreBias bool `json:"pre_bias"`
	// Tied says that the decoder is the encoder, Skip that a linear map of the rows is
	// added to the outputs.
	Tied bool `json:"tied"`
	Skip bool `json:"skip"`
	// Transcoder says that outputs are not reconstructions of the inputs.
	Transcoder bool `json:"transcoder"`
	// Reshape is "hook_z" where a row is made of the values of several heads.
	Reshape string `json:"reshape,omitempty"`
	// Groups are the sizes of the groups of a matryoshka model: Codes.Prefix cuts codes
	// after the first of them.
	Groups []int `json:"groups,omitempty"`

	NumberFormat string `json:"number_format"` // of the weights in the file: "F32", "BF16", ...
	Kept         string `json:"kept"`          // "float32" or "float64": how they are in memory

	ModelName string `json:"model_name,omitempty"` // the model whose activations it was trained on
	HookName  string `json:"hook_name,omitempty"`  // and where in it

	// Ignored are the fields of the configuration, and IgnoredTensors what else of the
	// file, that no result depends on.
	Ignored        []string `json:"ignored,omitempty"`
	IgnoredTensors []string `json:"ignored_tensors,omitempty"`
	// Notes say in words what a user should know.
	Notes []string `json:"notes,omitempty"`
}
