"""How much a model that reads step by step computes, and keeps, for a row: what batches of evaluation and threads go by."""

from __future__ import annotations

from torch import nn

from .textmodels import MeanOfWords, reader_of


def steps_of(model: nn.Module) -> int:
    """The time steps of a sequence model, the words of one for texts; 0 for any other."""
    if (reader := reader_of(model)) is not None:
        return reader.length
    layers = list(model.children())
    if not any(isinstance(layer, nn.RNNBase | nn.TransformerEncoderLayer) for layer in layers):
        return 0
    return next(int(layer.unflattened_size[0]) for layer in layers if isinstance(layer, nn.Unflatten))


def row_width(model: nn.Module) -> int:
    """Numbers that the widest output inside such a model has for a row."""
    steps, widths = _times(model), [steps_of(model)]
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            widths.append(steps * module.hidden_size * (2 if module.bidirectional else 1) * 4)  # its gates
        elif isinstance(module, nn.MultiheadAttention):
            widths.append(steps * max(3 * module.embed_dim, module.num_heads * steps))
        elif isinstance(module, nn.Linear):
            widths.append(steps * module.out_features)
        elif isinstance(module, nn.Embedding):
            widths.append(steps * module.embedding_dim)
    return max(widths)


def row_work(model: nn.Module) -> int:
    """About the multiply-adds of a forward pass of such a model over one row. To look an embedding up is no work to speak of."""
    looked_up = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
    numbers = sum(one.numel() for one in model.parameters() if one.ndim >= 2 and id(one) not in looked_up)
    return _times(model) * numbers


def _times(model: nn.Module) -> int:
    """How often a layer is applied to a row: once per step, unless all steps have become one vector before."""
    return 1 if isinstance(reader_of(model), MeanOfWords) else steps_of(model)
