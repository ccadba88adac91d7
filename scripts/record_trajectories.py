"""Record losses, final weights and demo tables of every command, to compare before and after.

    python scripts/record_trajectories.py FOLDER > before.json     (CPU, one thread, ten minutes)

Each training command runs with seed 0; its first 20 losses and a SHA-256 of the weights in its last
checkpoint are printed as one JSON document. It is deleted when the reordering it guards is done.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import safetensors

STEPS = "--steps 20 --save-every 20"
RUNS = {
    "gpt": f"gpt train {STEPS} --batch-size 8",
    "gpt-plain": f"gpt train {STEPS} --batch-size 8 --micro-batch-size 3 --recipe plain "
    "--ema-decay 0.9",
    "sft": f"finetune sft {STEPS} --model gpt --micro-batch-size 5",
    "sft-lora": f"finetune sft {STEPS} --model sft --rank 4",
    "reward": f"finetune reward {STEPS} --model sft",
    "reward-lora": f"finetune reward {STEPS} --model sft --rank 4",
    "dpo": f"finetune dpo {STEPS} --model sft",
    "dpo-lora": f"finetune dpo {STEPS} --model sft --rank 4 --loss ipo --micro-batch-size 5",
    "ppo": "finetune ppo --n-phases 20 --prompts-per-phase 16 --save-every 8 --model sft "
    "--reward-model reward",
    "ppo-lora": "finetune ppo --n-phases 5 --prompts-per-phase 16 --model sft --reward-model rule "
    "--rank 4 --target-kl 0.5",
}
TABLES = {
    "handcalc step": "handcalc step --json",
    "gpt demo": "gpt demo --json --runs demo-gpt",
    "finetune demo": "finetune demo --json --runs demo-finetune",
}


def output(command: str, folder: Path) -> str:
    """Run a command in a folder and return its standard output."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        shlex.split(command), cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def trajectory(name: str, folder: Path) -> dict[str, Any]:
    """The losses of a run and the SHA-256 of the weights of its last checkpoint."""
    log = (folder / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
    last = sorted((folder / name / "checkpoints").glob("step-*.safetensors"))[-1]
    sha = hashlib.sha256()
    with safetensors.safe_open(last, framework="pt") as file:
        names = sorted(key for key in file.keys() if key.startswith("model."))  # noqa: SIM118
        for key in names:
            sha.update(key.encode() + file.get_tensor(key).contiguous().numpy().tobytes())
    losses = [json.loads(line)["loss"] for line in log]
    return {"losses": losses[:20], "checkpoint": last.name, "weights": sha.hexdigest()}


def main() -> None:
    """Run everything in the folder given, and print the document."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for name, command in RUNS.items():
        print(name, file=sys.stderr)
        output(f"{command} --runs . --name {name} --overwrite --device cpu --json", folder)
        found[name] = trajectory(name, folder)
    for name, command in TABLES.items():
        print(name, file=sys.stderr)
        found[name] = json.loads(output(command, folder))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
