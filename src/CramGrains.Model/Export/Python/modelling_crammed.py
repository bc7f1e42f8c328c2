"""A crammed BERT (Geiping & Goldstein 2022, arXiv:2212.14034) for Hugging Face transformers, as CramGrains trains it. MIT licence.

Shapes: B rows, S tokens per row, D hidden size, H heads, K head size, F feed-forward width, V vocabulary, C classes.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput, SequenceClassifierOutput

from .configuration_crammed import CrammedConfig


def make_norm(config):
    kind = nn.LayerNorm if config.norm == "layer-norm" else nn.RMSNorm
    return kind(config.hidden_size, eps=config.norm_eps)


def activate(config, x):
    if config.feed_forward == "relu":
        return F.relu(x)
    return F.silu(x) if config.feed_forward == "swish-gated" else F.gelu(x)


def sinusoids(length, width, device):
    """Sine in the even columns and cosine in the odd ones, [S, D]."""
    frequency = torch.exp(torch.arange(0, width, 2, device=device).float() * (-math.log(10000.0) / width))
    angle = torch.outer(torch.arange(length, device=device).float(), frequency)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).view(length, width)


def rotate(x, length, head_size):
    """Turns each pair (i, i + K/2) of a head by its position's angle; x is [B, H, S, K]."""
    frequency = 10000.0 ** (torch.arange(head_size // 2, device=x.device).float() * (-2.0 / head_size))
    angle = torch.outer(torch.arange(length, device=x.device).float(), frequency).repeat(1, 2)  # [S, K]
    first, second = x.chunk(2, dim=-1)
    return x * angle.cos().to(x.dtype) + torch.cat([-second, first], dim=-1) * angle.sin().to(x.dtype)


class CrammedLayer(nn.Module):
    def __init__(self, config, first):
        super().__init__()
        self.config = config
        d, f = config.hidden_size, config.intermediate_size
        self.norm1 = nn.Identity() if first and not config.first_attention_norm else make_norm(config)
        self.qkv = nn.Linear(d, 3 * d, bias=config.attention_bias)
        self.out = nn.Linear(d, d, bias=config.attention_bias)
        self.norm2 = make_norm(config)
        self.gated = config.feed_forward.endswith("-gated")
        self.ffn_in = nn.Linear(d, f, bias=config.feed_forward_bias)
        self.ffn_out = nn.Linear(f // 2 if self.gated else f, d, bias=config.feed_forward_bias)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def attend(self, x, mask):
        b, s, d = x.shape
        h = self.config.num_attention_heads
        query, key, value = self.qkv(x).view(b, s, 3, h, d // h).permute(2, 0, 3, 1, 4)  # [B, H, S, K] each
        if self.config.query_key_norm:
            query = F.rms_norm(query, query.shape[-1:], eps=self.config.norm_eps)
            key = F.rms_norm(key, key.shape[-1:], eps=self.config.norm_eps)
        if self.config.positions == "rotary":
            query, key = rotate(query, s, d // h), rotate(key, s, d // h)
        dropout = self.config.hidden_dropout_prob if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(b, s, d))

    def feed_forward(self, x):
        x = self.ffn_in(x)
        if self.gated:
            value, gate = x.chunk(2, dim=-1)
            return self.ffn_out(activate(self.config, gate) * value)
        return self.ffn_out(activate(self.config, x))

    def forward(self, x, mask):
        if self.config.norm_placement == "pre":
            x = x + self.dropout(self.attend(self.norm1(x), mask))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attend(x, mask)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class CrammedPreTrainedModel(PreTrainedModel):
    config_class = CrammedConfig
    base_model_prefix = "bert"
    _supports_sdpa = True
    _no_split_modules = ["CrammedLayer"]

    @torch.no_grad()
    def _init_weights(self, module):
        std = self.config.initializer_range
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=std)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
            nn.init.ones_(module.weight)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, CrammedModel):
            if module.pos_scale is not None:
                nn.init.constant_(module.pos_scale, self.config.hidden_size**-0.5)
            if module.residual_scalars is not None:
                nn.init.ones_(module.residual_scalars)
                nn.init.zeros_(module.embedding_scalars)
        elif isinstance(module, CrammedDecoder):
            if module.weight is not None:
                nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class CrammedModel(CrammedPreTrainedModel):
    """The encoder alone."""

    def __init__(self, config):
        super().__init__(config)
        d = config.hidden_size
        self.word = nn.Embedding(config.vocab_size, d, padding_idx=config.pad_token_id)
        self.pos_scale = nn.Parameter(torch.tensor([d**-0.5])) if config.positions == "scaled-sinusoidal" else None
        self.positions = nn.Embedding(config.max_position_embeddings, d) if config.positions == "learned" else None
        self.segments = nn.Embedding(config.type_vocab_size, d) if config.type_vocab_size > 0 else None
        mixes = config.residual_scalars
        self.residual_scalars = nn.Parameter(torch.ones(config.num_hidden_layers)) if mixes else None
        self.embedding_scalars = nn.Parameter(torch.zeros(config.num_hidden_layers)) if mixes else None
        self.emb_norm = make_norm(config) if config.embedding_norm else nn.Identity()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(CrammedLayer(config, i == 0) for i in range(config.num_hidden_layers))
        self.final_norm = make_norm(config) if config.final_norm else nn.Identity()
        self.post_init()

    def get_input_embeddings(self):
        return self.word

    def set_input_embeddings(self, value):
        self.word = value

    def embed(self, x, token_type_ids):
        s, d = x.shape[1:]
        if self.positions is not None:
            x = x + self.positions.weight[:s]
        elif self.config.positions != "rotary":
            table = sinusoids(s, d, x.device).to(x.dtype)
            x = x + (table if self.pos_scale is None else self.pos_scale * table)
        if self.segments is not None:
            x = x + (self.segments.weight[0] if token_type_ids is None else self.segments(token_type_ids))
        return self.dropout(self.emb_norm(x))

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        inputs_embeds=None,
        output_hidden_states=None,
        return_dict=None,
        **kwargs,
    ):
        x = self.embed(self.word(input_ids) if inputs_embeds is None else inputs_embeds, token_type_ids)  # [B, S, D]
        mask = None if attention_mask is None else attention_mask.bool()[:, None, None, :]  # [B, 1, 1, S]
        states = [x]
        for i, layer in enumerate(self.layers):
            if self.residual_scalars is not None:
                x = self.residual_scalars[i] * x + self.embedding_scalars[i] * states[0]
            x = layer(x, mask)
            states.append(x)
        output = BaseModelOutput(last_hidden_state=self.final_norm(x), hidden_states=tuple(states) if output_hidden_states else None)
        return output.to_tuple() if return_dict is False else output


class CrammedTransform(nn.Module):
    """Dense, activation and norm before the decoder, as in the original BERT."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.dense = nn.Linear(config.hidden_size, config.hidden_size, bias=config.feed_forward_bias)
        self.norm = make_norm(config)

    def forward(self, x):
        return self.norm(activate(self.config, self.dense(x)))


class CrammedDecoder(nn.Module):
    """Logits by the word embedding, or by own weights when embeddings are untied."""

    def __init__(self, config):
        super().__init__()
        self.weight = None if config.tie_word_embeddings else nn.Parameter(torch.zeros(config.vocab_size, config.hidden_size))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size)) if config.decoder_bias else None

    def forward(self, x, words):
        return F.linear(x, words if self.weight is None else self.weight, self.bias)


class CrammedForMaskedLM(CrammedPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.bert = CrammedModel(config)
        self.transform = CrammedTransform(config) if config.head_transform else nn.Identity()
        self.decoder = CrammedDecoder(config)
        self.post_init()

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        inputs_embeds=None,
        labels=None,
        output_hidden_states=None,
        return_dict=None,
        **kwargs,
    ):
        encoded = self.bert(input_ids, attention_mask, token_type_ids, inputs_embeds, output_hidden_states)
        logits = self.decoder(self.transform(encoded.last_hidden_state), self.bert.word.weight)  # [B, S, V]
        loss = None if labels is None else F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), labels.view(-1))
        output = MaskedLMOutput(loss=loss, logits=logits, hidden_states=encoded.hidden_states)
        return output.to_tuple() if return_dict is False else output


class CrammedForSequenceClassification(CrammedPreTrainedModel):
    """Pooled token vectors, dense and tanh, dropout, linear."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = CrammedModel(config)
        width = config.classifier_size or config.hidden_size
        self.pooler = nn.Linear(config.hidden_size, width) if config.classifier_size else None
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(width, config.num_labels)
        self.post_init()

    def pool(self, x, attention_mask):
        if self.config.classifier_pooling == "first-token":
            return x[:, 0]
        if self.config.classifier_pooling == "raw-mean" or attention_mask is None:
            return x.mean(dim=1)
        weights = attention_mask.unsqueeze(-1).to(x.dtype)
        return (x * weights).sum(dim=1) / weights.sum(dim=1)

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        inputs_embeds=None,
        labels=None,
        output_hidden_states=None,
        return_dict=None,
        **kwargs,
    ):
        encoded = self.bert(input_ids, attention_mask, token_type_ids, inputs_embeds, output_hidden_states)
        x = self.pool(encoded.last_hidden_state, attention_mask)  # [B, D]
        logits = self.classifier(self.dropout(x if self.pooler is None else torch.tanh(self.pooler(x))))  # [B, C]
        loss = None
        if labels is not None:
            regression = self.num_labels == 1
            loss = F.mse_loss(logits.squeeze(-1).float(), labels.float()) if regression else F.cross_entropy(logits.float(), labels)
        output = SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=encoded.hidden_states)
        return output.to_tuple() if return_dict is False else output
