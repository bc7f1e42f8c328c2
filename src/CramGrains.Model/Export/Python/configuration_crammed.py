"""Configuration of a crammed BERT (Geiping & Goldstein 2022, arXiv:2212.14034) trained with CramGrains. MIT licence."""

from transformers import PretrainedConfig


class CrammedConfig(PretrainedConfig):
    """The shape of the encoder, its masked-language-model head and its classification head."""

    model_type = "crammed_bert"

    def __init__(
        self,
        vocab_size=32768,
        hidden_size=768,
        num_hidden_layers=16,
        num_attention_heads=12,
        intermediate_size=3072,  # width of the first feed-forward matrix; a gated unit halves it before the second
        max_position_embeddings=128,
        type_vocab_size=0,
        feed_forward="gelu-gated",  # gelu-gated, swish-gated, gelu, relu
        norm="layer-norm",  # layer-norm, rms-norm
        norm_placement="pre",  # pre, post
        norm_eps=1e-12,
        positions="scaled-sinusoidal",  # scaled-sinusoidal, sinusoidal, learned, rotary
        attention_bias=False,
        feed_forward_bias=False,
        embedding_norm=True,
        first_attention_norm=True,
        final_norm=True,
        query_key_norm=False,
        residual_scalars=False,  # each layer reads one learned scalar times the stream plus another times the embeddings
        tie_word_embeddings=True,
        head_transform=False,
        decoder_bias=False,
        hidden_dropout_prob=0.1,
        initializer_range=0.02,
        classifier_pooling="first-token",  # first-token, masked-mean, raw-mean
        classifier_size=1024,  # width of the tanh layer before the classifier; 0 leaves it out
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        mask_token_id=4,
        **kwargs,
    ):
        super().__init__(pad_token_id=pad_token_id, **kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.max_position_embeddings = max_position_embeddings
        self.type_vocab_size = type_vocab_size
        self.feed_forward = feed_forward
        self.norm = norm
        self.norm_placement = norm_placement
        self.norm_eps = norm_eps
        self.positions = positions
        self.attention_bias = attention_bias
        self.feed_forward_bias = feed_forward_bias
        self.embedding_norm = embedding_norm
        self.first_attention_norm = first_attention_norm
        self.final_norm = final_norm
        self.query_key_norm = query_key_norm
        self.residual_scalars = residual_scalars
        self.tie_word_embeddings = tie_word_embeddings
        self.head_transform = head_transform
        self.decoder_bias = decoder_bias
        self.hidden_dropout_prob = hidden_dropout_prob
        self.initializer_range = initializer_range
        self.classifier_pooling = classifier_pooling
        self.classifier_size = classifier_size
        self.pad_token_id = pad_token_id
        self.cls_token_id = cls_token_id
        self.sep_token_id = sep_token_id
        self.mask_token_id = mask_token_id
