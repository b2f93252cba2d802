"""What each tiny checkpoint of families/ is: sizes, seed, layout, pooling."""
import torch

LONG = ("The keeper of the lighthouse wrote the name of every ship into a blue notebook, and when the fog came in from the north "
        "she rang the bell by hand, twice a minute, until her arms ached and the gulls complained. ") * 6

TEXTS = [
    "ram hits sam",
    "sam hits ram",
    "",
    "hello",
    "Straße café naïve e\u0301 ﬁn 東京 你好 שלום 😀 👩‍👩‍👧 \u0000\t\u00ad x\u200by",
    "[CLS] <s> Paris is the [MASK] or <mask> of France </s> [SEP] <pad> [UNK] <unk>",
    "She deposited the cheque at the bank; they sat on the bank of the river.",
    LONG,
    "MiXeD CaSe, punctuation!!! 3.14159 don't  two  spaces    four",
    "a",
    LONG[100:260],
    "   ",
    LONG[:95],
]

NOMIC_LEGACY = {
    "activation_function": "swiglu", "architectures": ["NomicBertModel"], "attn_pdrop": 0.0, "bos_token_id": None, "causal": False,
    "dense_seq_output": True, "embd_pdrop": 0.0, "eos_token_id": None, "fused_bias_fc": True, "fused_dropout_add_ln": True,
    "initializer_range": 0.02, "max_trained_positions": 96, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "model_type": "nomic_bert",
    "pad_vocab_size_multiple": 64, "parallel_block": False, "parallel_block_tied_norm": False, "prenorm": False, "qkv_proj_bias": False,
    "reorder_and_upcast_attn": False, "resid_pdrop": 0.0, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True, "summary_activation": None, "summary_first_dropout": 0.0, "summary_proj_to_labels": True,
    "summary_type": "cls_index", "summary_use_proj": True, "torch_dtype": "float32", "transformers_version": "4.34.0",
    "use_cache": True, "use_flash_attn": True, "use_rms_norm": False, "use_xentropy": True,
}


def bert_like(hidden, layers, heads, inner, positions, **more):
    return dict(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner, max_position_embeddings=positions, **more)


def spec(name, model, tokenizer, config, seed, layout="none", pooling=("mean",), length=96, limit=None, std=0.2, **more):
    return dict(name=name, model=model, tokenizer=tokenizer, config=config, seed=seed, layout=layout, pooling=list(pooling), length=length,
                max_seq_length=limit or length, std=std, width=config.get("hidden_size") or config["dim"], layers=config.get("num_hidden_layers") or config["n_layers"], **more)


BERT = bert_like(48, 3, 4, 112, 96)
NOMIC = bert_like(64, 4, 4, 96, 96)
MODERN = bert_like(64, 5, 4, 72, 128, pad_token_id=598, cls_token_id=596, sep_token_id=597, bos_token_id=None, eos_token_id=None)
ROPES = lambda full, local: {"full_attention": {"rope_type": "default", "rope_theta": full}, "sliding_attention": {"rope_type": "default", "rope_theta": local}}
ROBERTA = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1, layer_norm_eps=1e-5)
JINA = {"architectures": ["JinaBertForMaskedLM"], "attention_probs_dropout_prob": 0.0, "auto_map": {
    "AutoConfig": "jinaai/jina-bert-implementation--configuration_bert.JinaBertConfig", "AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"},
    "classifier_dropout": None, "emb_pooler": "mean", "feed_forward_type": "geglu", "gradient_checkpointing": False, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02, "layer_norm_eps": 1e-12, "model_max_length": 128, "model_type": "bert", "pad_token_id": 0, "position_embedding_type": "alibi",
    "torch_dtype": "float32", "transformers_version": "4.30.2", "type_vocab_size": 2, "use_cache": True}
FEW = 7

SPECS = [
    spec("bert", "Bert", "bert", BERT, 1, "old", limit=64, normalize=True),
    spec("roberta", "Roberta", "roberta", bert_like(32, 3, 4, 80, 98, **ROBERTA), 2, "new", ["mean", "cls"]),
    spec("xlm_roberta", "XLMRoberta", "xlm_roberta", bert_like(40, 3, 5, 64, 98, **ROBERTA), 3, "old", ["cls"], limit=64, unlimited_tokenizer=True),
    spec("camembert", "Camembert", "camembert", bert_like(32, 3, 2, 72, 98, **dict(ROBERTA, bos_token_id=5, eos_token_id=6)), 4, "old", ["max"], **{"class": "CamembertForMaskedLM"}),
    spec("distilbert", "DistilBert", "bert", dict(dim=48, n_layers=3, n_heads=4, hidden_dim=96, max_position_embeddings=96), 5, "old", normalize=True, dense={"out": 24, "bias": True, "activation": "Tanh"}),
    spec("mpnet", "MPNet", "mpnet", bert_like(32, 3, 4, 64, 162, pad_token_id=1, layer_norm_eps=1e-5, relative_attention_num_buckets=32), 6, "new", ["mean_sqrt_len_tokens"], length=160, normalize=True),
    spec("nomic_bert", "NomicBert", "bert", NOMIC, 7, "new", ["weightedmean"], std=0.15, prompts={"query": "search_query: ", "document": "search_document: "}),
    spec("nomic_bert_legacy", "NomicBert", "bert", dict(NOMIC, hidden_size=48, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), 8, "old", ["lasttoken"], std=0.15, config_keys="nomic-legacy"),
    spec("modernbert", "ModernBert", "modernbert", dict(MODERN, local_attention=16, rope_parameters=ROPES(160000.0, 10000.0)), 9, "old", ["cls", "mean"], length=128, std=0.12, config_keys="modernbert-old"),
    spec("modernbert_v5", "ModernBert", "modernbert", dict(MODERN, local_attention=10, layer_types=["sliding_attention", "full_attention", "sliding_attention", "sliding_attention", "full_attention"],
         rope_parameters=ROPES(80000.0, 5000.0)), 10, "new", ["lasttoken"], length=128, std=0.12, normalize=True, dense={"out": 40, "bias": False, "activation": "Identity"}),
    spec("jina_bert_v2", "jina", "bert", dict(JINA, **bert_like(48, 3, 4, 80, 128)), 11, "old", length=128, normalize=True),
    spec("jina_bert_v2_heads6", "jina", "bert", dict(JINA, **bert_like(48, 3, 6, 80, 128)), 12, length=128, texts=FEW),
    spec("bert_sharded", "Bert", "bert", BERT, 1, texts=FEW, shard="80KB"),
    spec("bert_old_names", "Bert", "bert", BERT, 1, texts=FEW, old_names=True),
    spec("bert_f16", "Bert", "bert", BERT, 1, texts=FEW, dtype=torch.float16),
    spec("bert_bf16", "Bert", "bert", BERT, 1, texts=FEW, dtype=torch.bfloat16),
]
