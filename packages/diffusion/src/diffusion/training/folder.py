"""The folder of a run of `diffusion train`.

    config.json  log.jsonl  checkpoints/  loss.png  samples.png
    labels.json  words.json  vae.safetensors  clip.safetensors

A run of a model of latents, or with a trained caption encoder, has a copy of the autoencoder or
CLIP that it builds on, so that it needs no other folder.
"""

import json
from pathlib import Path
from typing import Any

from diffusion.clip.config import CLIPConfig
from diffusion.data.captions import WordTokenizer
from diffusion.model.flow_model import FlowModelConfig
from diffusion.training.prompts import LabelNames, Prompts
from diffusion.vae.vae import VAEConfig
from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.runs.folder import RunFolder


class DiffusionFolder(RunFolder):
    """Paths of the files of a run, with the methods that read and write them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.vae, self.clip = path / "vae.safetensors", path / "clip.safetensors"
        self.labels, self.words = path / "labels.json", path / "words.json"

    def clear(self) -> None:
        """Create the folder, or remove the files of an earlier run from it."""
        super().clear()
        for old in (self.vae, self.clip, self.labels, self.words):
            old.unlink(missing_ok=True)

    def check_model_config(self, settings: dict[str, Any]) -> None:
        """Raise an error unless the settings are those of a model that a stage trains."""
        if "network" in settings:
            FlowModelConfig.from_dict(settings)
        elif "image_tower" in settings:
            CLIPConfig.from_dict(settings)
        else:
            VAEConfig.from_dict(settings)

    def flow_model_config(self) -> FlowModelConfig:
        """Return the config of the run's flow model.

        Raises:
            BadInput: the run trains an autoencoder or a CLIP.
        """
        config = self.read_config()
        settings = config["model"]
        if "network" not in settings:
            stage = config["command"]["stage"]
            raise BadInput(
                f"{str(self.path)!r} is a run of stage {stage}, which generates nothing by "
                f"itself; use it in another run: diffusion train --{stage} {self.path} ..."
            )
        return FlowModelConfig.from_dict(settings)

    def vae_config(self) -> VAEConfig:
        """Return the config of the autoencoder that the run trains."""
        return VAEConfig.from_dict(self.read_config()["model"])

    def clip_config(self) -> CLIPConfig:
        """Return the config of the CLIP that the run trains."""
        return CLIPConfig.from_dict(self.read_config()["model"])

    def read_words(self) -> WordTokenizer:
        """Return the words of the captions that the run was trained with."""
        if not self.words.is_file():
            raise BadInput(f"there is no file {str(self.words)!r}; start the run again")
        return WordTokenizer.from_json(self.words.read_text("utf-8"))

    def write_prompts(self, prompts: Prompts | None) -> None:
        """Write the classes or the words that the run's model knows."""
        if prompts is not None:
            file = self.labels if isinstance(prompts, LabelNames) else self.words
            write_atomically(file, prompts.to_json().encode())

    def read_prompts(self) -> Prompts | None:
        """Return what `write_prompts` wrote.

        Raises:
            BadInput: the file is damaged.
        """
        if self.words.is_file():
            return self.read_words()
        if not self.labels.is_file():
            return None
        try:
            return LabelNames(tuple(json.loads(self.labels.read_text("utf-8"))))
        except (ValueError, TypeError) as error:
            raise BadInput(f"{str(self.labels)!r} is damaged; start the run again") from error

    def refuse_changed_data(self, sha256: str) -> None:
        """Check that a run continues with the data that it was created with.

        Raises:
            BadInput: the data has another checksum.
        """
        if sha256 != self.read_config()["text_sha256"]:
            raise BadInput(
                f"the data of {str(self.path)!r} has changed since the run was created; "
                "start the run again with --overwrite"
            )
