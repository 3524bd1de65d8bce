"""The built-in readers of texts: from the numbers of words to one vector per text, whatever padding stands behind its end.

Each is the first layer of a model (engine.models) and takes (n, words), whole numbers as float32 as engine.data.vocabulary makes them:
0 is padding, which stands only at the end. How much of it there is changes nothing in what a text comes to.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ModelConfig
from .data.tokens import PADDING
from .preview import Layer
from .sequencemodels import Positions


class MeanOfWords(nn.Module):
    """The mean of the embeddings of a text's words, (n, embedding): a bag of words, blind to their order (Joulin et al. 2017, fastText)."""

    def __init__(self, vocabulary: int, embedding: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.embed = nn.EmbeddingBag(vocabulary, embedding, mode="mean", padding_idx=PADDING)

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(x.long())

    @property
    def width(self) -> int:
        """Of the vector of a text."""
        return self.embed.embedding_dim


def lengths_of(ids: Tensor) -> Tensor:
    """How many words each text (n, words) has; 1 where there is none, so that every text has a last word."""
    return (ids != PADDING).sum(1).clamp(min=1)


def pooled(states: Tensor, lengths: Tensor, how: str, both_ways: bool) -> Tensor:
    """One vector (n, width) of the states (n, words, width) of the words alone: the last one, their mean, or the largest of each number.

    both_ways: the second half of each state comes from reading backwards, which ends at the first word.
    """
    if how == "last":
        last = states.gather(1, (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.size(2))).squeeze(1)
        half = states.size(2) // 2
        return torch.cat([last[:, :half], states[:, 0, half:]], 1) if both_ways else last
    real = (torch.arange(states.size(1), device=states.device) < lengths.unsqueeze(1)).unsqueeze(2)
    if how == "mean":
        return (states * real).sum(1) / lengths.unsqueeze(1)
    return states.masked_fill(~real, -torch.inf).amax(1)


def turned(x: Tensor, lengths: Tensor) -> Tensor:
    """Texts (n, words, width) with their words in the opposite order; the padding stays where it is."""
    place = torch.arange(x.size(1), device=x.device).expand(x.size(0), x.size(1))
    before = lengths.unsqueeze(1) - 1 - place
    return x.gather(1, torch.where(before >= 0, before, place).unsqueeze(2).expand_as(x))


class ReadingLayer(nn.Module):
    """One recurrent layer of torch's over texts, (n, words, features) to (n, words, width); both ways with another one beside it that
    reads each text from its own end, (n, words, 2 * width)."""

    def __init__(self, kind: str, features: int, width: int, both_ways: bool) -> None:
        super().__init__()
        made = nn.GRU if kind == "gru" else nn.LSTM
        self.forth = made(features, width, batch_first=True)
        self.back = made(features, width, batch_first=True) if both_ways else None

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        states = self.forth(x)[0]
        if self.back is not None:
            backwards = self.back(turned(x, lengths))[0]
            states = torch.cat([states, turned(backwards, lengths)], 2)
        return states


class ReadWords(nn.Module):
    """Embeddings of words read one after another by GRU or LSTM layers, and one vector of what they come to.

    Dropout stands between the layers. What stands behind the end of a text is read as well, and looked at by nothing.
    """

    def __init__(self, config: ModelConfig, dropout: float, vocabulary: int, length: int) -> None:
        super().__init__()
        self.length, self.how, self.both_ways = length, config.pooling, config.bidirectional
        self.width = config.width * (1 + config.bidirectional)
        self.embed = nn.Embedding(vocabulary, config.embedding, padding_idx=PADDING)
        sizes = [config.embedding] + [self.width] * (config.layers - 1)
        self.layers = nn.ModuleList(
            ReadingLayer(config.kind, size, config.width, config.bidirectional) for size in sizes
        )
        self.between = nn.Dropout(dropout if config.layers > 1 else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        ids = x.long()
        lengths = lengths_of(ids)
        states = self.embed(ids)
        for number, layer in enumerate(self.layers):
            if number > 0:
                states = self.between(states)
            states = layer(states, lengths)
        return pooled(states, lengths, self.how, self.both_ways)


class AttendWords(nn.Module):
    """Embeddings of words and of their places, read by a Transformer encoder that does not attend to padding; one vector of each text."""

    def __init__(self, config: ModelConfig, dropout: float, vocabulary: int, length: int) -> None:
        super().__init__()
        self.length, self.how, self.width = length, config.pooling, config.width
        self.embed = nn.Embedding(vocabulary, config.embedding, padding_idx=PADDING)
        self.enter = nn.Linear(config.embedding, config.width)
        self.positions = (
            nn.Identity() if config.positions == "none" else Positions(length, config.width, config.positions)
        )
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width, config.heads, config.feedforward, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        ids = x.long()
        lengths = lengths_of(ids)
        # Of a text without a word, its first place of padding: attention to nothing at all is not a number.
        behind = torch.arange(ids.size(1), device=ids.device) >= lengths.unsqueeze(1)
        states = self.positions(self.enter(self.embed(ids)))
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=behind)
        return pooled(self.norm(states), lengths, self.how, False)


READERS = (MeanOfWords, ReadWords, AttendWords)
Reader = MeanOfWords | ReadWords | AttendWords


def text_reader(config: ModelConfig, dropout: float, vocabulary: int, length: int) -> Reader:
    """The first layer of a model of texts of up to `length` words."""
    if config.kind in ("gru", "lstm"):
        return ReadWords(config, dropout, vocabulary, length)
    if config.kind == "transformer":
        return AttendWords(config, dropout, vocabulary, length)
    return MeanOfWords(vocabulary, config.embedding, length)


def reader_of(model: nn.Module) -> Reader | None:
    """The reader of a model of texts; None of any other model."""
    return next((layer for layer in model.children() if isinstance(layer, READERS)), None)


def set_reading_dropout(reader: nn.Module, rate: float) -> None:
    """Change the rate of the dropout inside a reader."""
    if isinstance(reader, ReadWords) and len(reader.layers) > 1:
        reader.between.p = rate
    elif isinstance(reader, AttendWords):
        for layer in reader.layers:
            assert isinstance(layer, nn.TransformerEncoderLayer)
            layer.dropout.p = layer.dropout1.p = layer.dropout2.p = layer.self_attn.dropout = rate


def reader_layers(name: str, reader: Reader) -> list[Layer]:
    """What a reader is made of, as a preview shows it."""

    def layer(kind: str, detail: str, output: tuple[int, ...], *parts: nn.Module) -> Layer:
        size = sum(one.numel() for part in parts for one in part.parameters() if one.requires_grad)
        return Layer(name, kind, detail, output, size)

    words, vocabulary = reader.length, f"{reader.embed.num_embeddings:,} words"
    if isinstance(reader, MeanOfWords):
        return [layer("mean of embeddings", vocabulary, (reader.width,), reader.embed)]
    found = [layer("embedding", vocabulary, (words, reader.embed.embedding_dim), reader.embed)]
    deep = f"{len(reader.layers)} layers" if len(reader.layers) > 1 else ""
    if isinstance(reader, ReadWords):
        kind = "GRU" if any(isinstance(part, nn.GRU) for part in reader.modules()) else "LSTM"
        detail = ", ".join(filter(None, [deep, "both ways" if reader.both_ways else ""]))
        found.append(layer(kind, detail, (words, reader.width), reader.layers))
    else:
        steps = (words, reader.width)
        found.append(layer("linear", "", steps, reader.enter))
        if isinstance(reader.positions, Positions):
            found.append(layer("positions", "", steps, reader.positions))
        heads = next(part.num_heads for part in reader.modules() if isinstance(part, nn.MultiheadAttention))
        found += [layer("attention", f"{heads} heads", steps, part) for part in reader.layers]
        found.append(layer("layer norm", "", steps, reader.norm))
    return [*found, layer("pool", reader.how, (reader.width,))]
