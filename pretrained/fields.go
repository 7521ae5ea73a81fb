package pretrained

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A configuration has fields that no reader asks for. What becomes of them is the rule
// here. The lists name those that are known to change no result, from the configuration
// classes of the projects, of all ages.

// A verdict is what becomes of a field that is neither read nor on the list of its
// format.
type verdict uint8

const (
	// refused: the configuration describes the model and nothing else, so that any field
	// of it may change the result.
	refused verdict = iota
	// noted: real files hold settings of a training that nobody can list.
	noted
	// harmless: the object only says where the model comes from.
	harmless
)

// rest is what may be left of an object of the configuration.
type rest struct {
	*settings
	prefix string   // in front of the names
	known  []string // the fields that change no result
	others verdict
}

// leave says what may be left of s when the model has been read.
func (r *reader) leave(s *settings, prefix string, known []string, others verdict) {
	r.left.rests = append(r.left.rests, rest{s, prefix, known, others})
}

// finishFields lists the fields that are ignored, and refuses or notes those that are not
// known. It notes the defaults that were assumed.
func (r *reader) finishFields() {
	for _, s := range r.left.rests {
		var unknownOnes []string
		for _, key := range slices.Sorted(maps.Keys(s.fields)) {
			name := fmt.Sprintf("%s%.100s", s.prefix, key)
			switch known := s.asked[key] || s.others == harmless || slices.Contains(s.known, key); {
			case !known && s.others == refused:
				r.fail(unknown("%s: the field %s is not known to ksparse, and it may change what the model computes; if it does not, remove it from a copy of the file", s.name, name))
				return
			case !known:
				unknownOnes = append(unknownOnes, name)
			}
			if !s.asked[key] {
				r.left.ignored = append(r.left.ignored, name)
			}
		}
		switch len(unknownOnes) {
		case 0:
		case 1:
			r.note("WARNING: the field %s of %s is not known to ksparse and was not used: if it changes what the model computes, the result is wrong", unknownOnes[0], s.name)
		default:
			r.note("WARNING: the fields %s of %s are not known to ksparse and were not used: if one of them changes what the model computes, the result is wrong", some(unknownOnes), s.name)
		}
		if len(s.assumed) > 0 {
			r.note("%s does not say %s: assumed as the library %s assumes it", s.name, strings.Join(s.assumed, ", "), r.format)
		}
	}
	slices.Sort(r.left.ignored)
}

// words splits a list of names.
func words(lists ...string) []string { return strings.Fields(strings.Join(lists, " ")) }

// What configurations say of the model that was studied, its texts and a training.
var (
	// saeLensFields6 are the fields of SAELens 6 (saes/*.py): the configurations of
	// models, and of trainings, whose checkpoints have them.
	saeLensFields6 = words(`dtype device reshape_activations metadata k rescale_acts_by_decoder_norm d_out architecture
		hook_name_out hook_layer_out hook_head_index_out use_sparse_activations sparse_intermediate
		decoder_init_norm noise_scale mse_loss_normalization b_dec_init_method
		l1_coefficient lp_norm l1_warm_up_steps scale_sparsity_penalty_by_decoder_norm
		aux_loss_coefficient topk_threshold_lr
		matryoshka_widths use_matryoshka_aux_loss
		jumprelu_init_threshold jumprelu_bandwidth jumprelu_sparsity_loss_mode jumprelu_kernel jumprelu_tanh_scale
		l0_coefficient l0_warm_up_steps pre_act_loss_coefficient`, saeLensMetadataFields)

	// saeLensFields5 are those of SAELens before 6 (config.py, sae.py), which writes the
	// whole configuration of the training.
	saeLensFields5 = words(`act_store_device activation_fn activation_fn_kwargs activation_fn_str activation_save_path adam_beta1 adam_beta2
		architecture autocast autocast_dtype autocast_lm b_dec_init_method batches_in_buffer begin_batch_token
		begin_sequence_token buffer_size_gb cached_activations_path checkpoint_path coefficient_warm_up_steps column_name
		compile_llm compile_sae data_dir data_files dataset_name dataset_num_rows
		dead_feature_threshold dead_feature_window decoder_heuristic_init decoder_heuristic_init_norm
		decoder_orthogonal_init device disable_concat_sequences dtype eval_batch_size_prompts eval_every_n_wandb_logs
		expansion_factor feature_probability feature_sampling_window
		finetuning_method finetuning_scaling_factor finetuning_tokens from_pretrained_path hook_eval hook_layers hook_names
		hook_name_out hook_layer_out hook_head_index_out
		hook_point hook_point_eval hook_point_head_index hook_point_layer init_encoder_as_decoder_transpose initial_threshold
		is_dataset_tokenized jumprelu_bandwidth jumprelu_init_threshold k l0_lambda l0_warm_up_steps l1_coefficient
		l1_normalization_fn l1_warm_up_steps l1_warmup_steps llm_compilation_mode log_activations_store_to_wandb
		log_optimizer_state_to_wandb log_to_wandb logger lp_norm lr lr_decay_steps lr_end lr_scheduler_name lr_warm_up_steps
		metadata model_batch_size model_class model_kwargs mse_loss_normalization n_batches_in_buffer
		n_checkpoints n_eval_batches n_eval_seqs n_restart_cycles noise_scale normalize_sae_decoder output_path
		rescale_acts_by_decoder_norm reshape_activations resume rows_in_buffer run_name sae_class_name sae_compilation_mode
		save_path scale_sparsity_penalty_by_decoder_norm seed shuffle sparsity_coefficient
		store_batch_size store_batch_size_prompts streaming tokens_in_buffer tokens_per_buffer
		total_training_steps total_training_tokens train_batch_size train_batch_size_tokens training_tokens
		use_cached_activations use_ghost_grads uses_scaling_factor verbose wandb_entity wandb_id wandb_log_frequency
		wandb_project`, saeLensMetadataFields)

	// dictionaryFields are what the trainers of dictionary_learning write (config of
	// trainers/*.py).
	dictionaryFields = words(`trainer_class dict_class lr steps seed device layer lm_name wandb_name submodule_name k
		activation_queue_length adaptive_sparsity_penalty anneal_start auxk_alpha bandwidth decay_start gp_reg_coeff
		group_fractions group_weights l0_penalty l1_penalty lambda_warm_steps max_norm n_sparsity_updates p_end p_start
		resample_steps sparsity_coefficient sparsity_function sparsity_loss_queue_length sparsity_penalty
		sparsity_queue_length sparsity_warmup_steps steps_before_annealing target_l0 threshold_beta threshold_start_step
		top_k_aux warmup_steps weights_temperature`)

	// batchTopKFields are what BatchTopK and matryoshka_sae write (config.py).
	batchTopKFields = words(`seed batch_size lr num_tokens l1_coeff beta1 beta2 max_grad_norm seq_len dtype model_dtype model_name
		site layer device model_batch_size num_batches_in_buffer dataset_path wandb_project perf_log_freq checkpoint_freq
		n_batches_to_dead top_k top_k_aux top_k_matryoshka aux_penalty bandwidth hook_point name group_sizes`)

	// sparsifyFields are the fields of SparseCoderConfig (config.py) that matter to a
	// training alone, and those of a part that must be switched off.
	sparsifyFields = words(`expansion_factor normalize_decoder multi_topk num_latents lookup_max_order gram_table_hash`)

	// sentenceFields are those of SparseAutoEncoder.
	sentenceFields = words(`k_aux dead_threshold`)
)

// saeLensMetadataFields say where a SAELens model comes from.
const saeLensMetadataFields = ` model_name model_class_name model_from_pretrained_kwargs hook_name hook_layer hook_head_index
	meta sae_metadata dataset_path dataset_trust_remote_code context_size prepend_bos exclude_special_tokens seqpos_slice
	neuronpedia_id sae_lens_version sae_lens_training_version`
