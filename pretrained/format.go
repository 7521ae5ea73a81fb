package pretrained

// Format is a library whose files are read.
type Format string

// The formats. Save writes the first four.
const (
	SAELens              Format = "saelens"
	Sparsify             Format = "sparsify"
	SentenceTransformers Format = "sentence-transformers"
	Native               Format = "ksparse"

	OpenAI             Format = "openai"
	DictionaryLearning Format = "dictionary_learning"
	BatchTopK          Format = "batchtopk"
	GemmaScope         Format = "gemma_scope"
)
