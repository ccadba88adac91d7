"""The folder of a run of `diffusion train`.

    config.json  log.jsonl  checkpoints/  loss.png  samples.png  vae.safetensors

A run of the latent stage has a copy of its autoencoder, so that it needs no other folder.
"""

from pathlib import Path
from typing import Any

from diffusion.model.flow_model import FlowModelConfig
from diffusion.vae.vae import VAEConfig
from gpt.errors import BadInput
from gpt.runs.folder import RunFolder


class DiffusionFolder(RunFolder):
    """Paths of the files of a run, with the methods that read and write them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.vae = path / "vae.safetensors"

    def check_model_config(self, settings: dict[str, Any]) -> None:
        """Raise an error unless the settings are those of a model that a stage trains."""
        if "network" in settings:
            FlowModelConfig.from_dict(settings)
        else:
            read_vae_config(settings)

    def flow_model_config(self) -> FlowModelConfig:
        """Return the config of the run's flow model.

        Raises:
            BadInput: the run trains an autoencoder.
        """
        settings = self.read_config()["model"]
        if "network" not in settings:
            raise BadInput(
                f"{str(self.path)!r} is the run of an autoencoder, which generates nothing by "
                f"itself; train a model of its latents: diffusion train --stage latent --vae ..."
            )
        return FlowModelConfig.from_dict(settings)

    def vae_config(self) -> VAEConfig:
        """Return the config of the autoencoder that the run trains."""
        return read_vae_config(self.read_config()["model"])

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


def read_vae_config(settings: dict[str, Any]) -> VAEConfig:
    """Return the config from plain values, in which tuples have become lists."""
    return VAEConfig(**{**settings, "stage_channels": tuple(settings["stage_channels"])})
