"""The layers of an encoder from the bottom up: which stay frozen, and how fast each learns."""

from torch import nn

from toxres.config import Preset
from toxres.errors import InputError
from toxres.models import ToxicityModel


def layer_groups(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of an encoder from the lowest layer up, embeddings first; every parameter is in one group.

    An encoder that names its own (`layer_groups()`) is asked; else it has `embeddings` and a list of layers, and what
    stands above them goes with the last. An encoder without such a list is one group.
    """
    if hasattr(encoder, "layer_groups"):
        return encoder.layer_groups()
    layers = list(_layers(encoder) or [])
    modules = [encoder.embeddings, *layers] if layers and hasattr(encoder, "embeddings") else layers
    groups = [list(module.parameters()) for module in modules] or [[]]
    grouped = {id(parameter) for group in groups for parameter in group}
    groups[-1] += [parameter for parameter in encoder.parameters() if id(parameter) not in grouped]
    return groups


def freeze(model: ToxicityModel, preset: Preset) -> None:
    """Keep the word embeddings and the lowest layers as they are, as far as the preset says.

    Raises:
        InputError: The encoder has fewer layers than are to be kept.
    """
    if preset.freeze_embeddings:
        model.encoder.get_input_embeddings().requires_grad_(False)
    if preset.freeze_layers:
        layers = _layers(model.encoder)
        if layers is None or len(layers) < preset.freeze_layers:
            count = "no such list of" if layers is None else len(layers)
            raise InputError(f"freeze_layers is {preset.freeze_layers}, but the encoder has {count} layers; give fewer")
        model.encoder.get_input_embeddings().requires_grad_(False)
        model.encoder.embeddings.requires_grad_(False)
        layers[: preset.freeze_layers].requires_grad_(False)


def _layers(encoder: nn.Module) -> nn.ModuleList | None:
    stack = getattr(encoder, "encoder", None) or getattr(encoder, "transformer", None)
    return getattr(stack, "layer", None)
