"""The folder of a run of `diffusion train`.

config.json  log.jsonl  checkpoints/  loss.png  samples.png
"""

from typing import Any

from diffusion.model.flow_model import FlowModelConfig
from gpt.runs.folder import RunFolder


class DiffusionFolder(RunFolder):
    """Paths of the files of a run, with the methods that read and write them."""

    def check_model_config(self, settings: dict[str, Any]) -> None:
        """Raise an error unless the settings are those of a flow model."""
        FlowModelConfig.from_dict(settings)

    def flow_model_config(self) -> FlowModelConfig:
        """Return the config of the run's flow model."""
        return FlowModelConfig.from_dict(self.read_config()["model"])
